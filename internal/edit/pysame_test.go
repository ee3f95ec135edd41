package edit

import "testing"

// A file that only a formatter has touched is told from one that somebody edited.
func TestOnlyTheFormDiffers(t *testing.T) {
	const src = "from a import b as c\n\n\ndef f(x, y):\n    # why\n    if x:\n        return x or 'y'\n    return {1: [2, 3]}\n"
	for name, other := range map[string]string{
		"wrapped":    "from a import (\n    b as c,\n)\n\ndef f(\n    x,\n    y,\n):\n    # why\n    if x:\n        return (\n            x\n            or \"y\"\n        )\n    return {\n        1: [2, 3],\n    }",
		"two spaces": "from a import b as c\ndef f(x, y):\n  # why\n  if x:\n    return x or 'y'\n  return {1: [2, 3]}\n",
		"CRLF":       "from a import b as c\r\ndef f(x, y):\r\n\t# why\r\n\tif x:\r\n\t\treturn x or 'y'\r\n\treturn {1: [2, 3]}\r\n",
	} {
		if !SamePython([]byte(src), []byte(other)) {
			t.Errorf("%s counts as edited:\n%s\n%s", name, pyForm([]byte(src), true), pyForm([]byte(other), true))
		}
	}
	for name, other := range map[string]string{
		"a value":   "from a import b as c\n\n\ndef f(x, y):\n    # why\n    if x:\n        return x or 'z'\n    return {1: [2, 3]}\n",
		"a comment": "from a import b as c\n\n\ndef f(x, y):\n    # why not\n    if x:\n        return x or 'y'\n    return {1: [2, 3]}\n",
		"a block":   "from a import b as c\n\n\ndef f(x, y):\n    # why\n    if x:\n        return x or 'y'\n        return {1: [2, 3]}\n",
		"a tuple":   "from a import b as c\n\n\ndef f(x, y):\n    # why\n    if x:\n        return x or 'y'\n    return ({1: [2, 3]}, 4)\n",
	} {
		if SamePython([]byte(src), []byte(other)) {
			t.Errorf("%s does not count as an edit", name)
		}
	}
	if SamePython([]byte("f((1, 2))"), []byte("f(1, 2)")) || SamePython([]byte("x = (1, 2), 3"), []byte("x = 1, 2, 3")) {
		t.Error("the brackets of a tuple do not count")
	}
	if !SamePython([]byte("f(x=a if b else c, y=2)"), []byte("f(\n    x=(\n        a if b else c\n    ),\n    y=2,\n)")) {
		t.Error("brackets around a condition count")
	}
	if !SamePython([]byte("try:\n    f()\nexcept E as e:  # why\n    g()\n"), []byte("try:\n    f()\nexcept (\n    E\n) as e:  # why\n    g()\n")) {
		t.Error("brackets around an exception count")
	}
	if SamePython([]byte("x = a == (b or c)"), []byte("x = a == b or c")) {
		t.Error("brackets behind a comparison do not count")
	}
	if SamePython([]byte("x = (a + b) * c"), []byte("x = a + b * c")) {
		t.Error("brackets inside an expression do not count")
	}
}
