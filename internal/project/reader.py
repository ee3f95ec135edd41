"""Reads Python source without running it. One request a line on standard input,
a verb and base64; one JSON answer a line. Spans are byte offsets in the file as it
is stored. It imports as little as it can: its start is most of its cost, and
"json" alone would double that."""

import sys
from _ast import PyCF_ONLY_AST
from binascii import a2b_base64

try:
    from _json import encode_basestring_ascii as quoted
except ImportError:
    from json.encoder import py_encode_basestring_ascii as quoted

BOM = b"\xef\xbb\xbf"
DEEPEST = 8  # levels of an expression that are described
WIDEST = 200  # elements of a call or list that are described
BLOCKS = ("If", "For", "AsyncFor", "While", "With", "AsyncWith", "Try", "TryStar", "Match")


def encoded(value):
    if value is None or value is True or value is False:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(quoted(k) + ":" + encoded(v) for k, v in value.items()) + "}"
    return "[" + ",".join(map(encoded, value)) + "]"


def cookie(raw):
    """The encoding that PEP 263 lets one of the first two lines declare."""
    for line in raw[len(BOM) if raw.startswith(BOM) else 0 :].splitlines()[:2]:
        text = line.lstrip(b" \t\f")
        if text and not text.startswith(b"#"):
            break
        for mark in (b"coding:", b"coding="):
            at = text.find(mark)
            if at >= 0:
                rest = text[at + len(mark) :].lstrip(b" \t")
                end = 0
                while end < len(rest) and (rest[end : end + 1].isalnum() or rest[end : end + 1] in b"-_."):
                    end += 1
                if end:
                    return rest[:end].decode("ascii")
    return "utf-8"


class Source:
    def __init__(self, raw):
        self.raw = raw
        name = cookie(raw)
        plain = name.lower().replace("_", "-")
        self.utf8 = raw.startswith(BOM) or plain in ("utf-8", "utf8") or plain.startswith("utf-8-")
        self.encoding = "utf-8" if self.utf8 else name
        self.bom = len(BOM) if raw.startswith(BOM) else 0
        self.lines = raw.splitlines(True)
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def tree(self):
        text = self.raw[self.bom :].decode(self.encoding)
        return compile(text, "<source>", "exec", PyCF_ONLY_AST, True)

    def offset(self, line, column):
        start = self.starts[line - 1]
        if line == 1:
            start += self.bom
        if self.utf8:
            return start + column
        stored = self.lines[line - 1]
        before = stored.decode(self.encoding).encode("utf-8")[:column].decode("utf-8").encode(self.encoding)
        if not stored.startswith(before):
            raise ValueError("encoding %s has no fixed places for its characters" % self.encoding)
        return start + len(before)

    def span(self, node):
        return self.offset(node.lineno, node.col_offset), self.offset(node.end_lineno, node.end_col_offset)

    def text(self, node):
        start, end = self.span(node)
        return self.raw[start:end].decode(self.encoding)


def dotted(node):
    parts = []
    while type(node).__name__ == "Attribute":
        parts.append(node.attr)
        node = node.value
    if type(node).__name__ != "Name":
        return ""
    parts.append(node.id)
    return ".".join(reversed(parts))


def expression(src, node, depth=0):
    kind = type(node).__name__
    if kind == "Await":
        return expression(src, node.value, depth)
    start, end = src.span(node)
    out = {"k": "other", "s": start, "e": end}
    if depth > DEEPEST:
        return out

    def many(nodes):
        return [expression(src, n, depth + 1) for n in nodes[:WIDEST]]

    if kind in ("Name", "Attribute"):
        out["n"] = dotted(node)
        if out["n"]:
            out["k"] = "name"
        else:
            out.update(k="attr", n=node.attr, a=many([node.value]))
    elif kind == "Constant":
        value = node.value
        if isinstance(value, str):
            out.update(k="str", n=value)
        elif value is None or isinstance(value, bool) or isinstance(value, int) and abs(value) < 1 << 53:
            out.update(k="const", n=str(value))
        elif value is Ellipsis:
            out.update(k="const", n="...")
    elif kind == "Call":
        out.update(k="call", n=dotted(node.func), a=many(node.args))
        out["w"] = [keyword(src, w, depth + 1) for w in node.keywords[:WIDEST]]
        if not out["n"]:
            out["f"] = expression(src, node.func, depth + 1)
    elif kind in ("List", "Tuple", "Set"):
        out.update(k="list", a=many(node.elts))
    elif kind == "Dict":
        out["k"] = "dict"
        out["w"] = [
            dict(
                expression(src, v, depth + 1),
                key="**" if k is None else str(getattr(k, "value", "")),
                ks=src.span(v if k is None else k)[0],
            )
            for k, v in list(zip(node.keys, node.values))[:WIDEST]
        ]
    elif kind == "BinOp":
        out.update(k=type(node.op).__name__.lower(), a=many([node.left, node.right]))
    elif kind == "Subscript":
        out.update(k="index", a=many([node.value, node.slice]))
    elif kind == "JoinedStr":
        # Before Python 3.12 what stands inside has wrong places: it gets those of the whole.
        out.update(k="fstr", a=[dict(piece(v), s=start, e=end) for v in node.values])
    return out


def keyword(src, node, depth):
    """The value, with where its name begins; its end is that of the brackets around it."""
    start, end = src.span(node)
    return dict(expression(src, node.value, depth), key=node.arg or "**", ks=start, e=end)


def piece(node):
    if type(node).__name__ == "Constant":
        return {"k": "str", "n": node.value}
    name = dotted(node.value)
    return {"k": "name" if name else "other", "n": name}


def targets(node):
    found, queue = [], list(getattr(node, "targets", None) or [node.target])
    while queue:
        one = queue.pop(0)
        if type(one).__name__ in ("Tuple", "List"):
            queue = list(one.elts) + queue
        else:
            found.append(dotted(one))
    return found


def inside(block):
    """Every statement in a block, however many further blocks it stands in."""
    found, stack = [], [block]
    while stack:
        node = stack.pop()
        suites = [getattr(node, part, ()) for part in ("body", "orelse", "finalbody")]
        suites += [part.body for part in list(getattr(node, "handlers", ())) + list(getattr(node, "cases", ()))]
        for child in [child for suite in suites for child in suite]:
            (stack if type(child).__name__ in BLOCKS else found).append(child)
    return sorted(found, key=lambda n: (n.lineno, n.col_offset))


def guard(node):
    """What an if asks that matters here: run as a script, or only type checking."""
    test = node.test
    if dotted(test).split(".")[-1] == "TYPE_CHECKING":
        return "typing"
    sides = [test.left] + test.comparators if type(test).__name__ == "Compare" else []
    return "main" if any(dotted(side) == "__name__" for side in sides) else ""


def alias(src, node):
    start, end = src.span(node)
    return {"name": node.name, "as": node.asname or "", "s": start, "e": end}


def parameters(args):
    every = args.posonlyargs + args.args
    needed = len(every) - len(args.defaults) + sum(d is None for d in args.kw_defaults)
    return [a.arg for a in every + args.kwonlyargs], needed


def statement(src, node, deep):
    kind = type(node).__name__
    start, end = src.span(node)
    out = {"k": "other", "s": start, "e": end, "l": node.lineno}
    decorators = getattr(node, "decorator_list", ())
    if decorators:
        out["d"] = [expression(src, d) for d in decorators]
        out["s"] = src.raw.rindex(b"@", 0, out["d"][0]["s"])
    if kind in ("Import", "ImportFrom"):
        out.update(k="import", i=[alias(src, a) for a in node.names])
        if kind == "ImportFrom":
            out.update(k="from", m=node.module or "", v=node.level)
    elif kind in ("Assign", "AnnAssign"):
        out.update(k="assign", t=targets(node), x=expression(src, node.value) if node.value else None)
        if kind == "AnnAssign":
            out["r"] = src.text(node.annotation)
    elif kind in ("Expr", "Return"):
        out.update(k=kind.lower(), x=expression(src, node.value) if node.value else None)
    elif kind in ("FunctionDef", "AsyncFunctionDef"):
        names, needed = parameters(node.args)
        out.update(k="def", n=node.name, p=names, q=needed, r=src.text(node.returns) if node.returns else "")
        if deep:
            out["b"] = statements(src, node.body, deep)
    elif kind == "ClassDef":
        out.update(k="class", n=node.name, a=[expression(src, b) for b in node.bases])
        out["w"] = [keyword(src, w, 0) for w in node.keywords]
        out["b"] = statements(src, node.body, deep)
    elif kind in BLOCKS:
        out.update(k="block", n=guard(node) if kind == "If" else "", b=statements(src, inside(node), deep))
    elif kind == "Pass":
        out["k"] = "pass"
    return out


def statements(src, nodes, deep):
    return [statement(src, node, deep) for node in nodes]


def failure(error):
    line = getattr(error, "lineno", None) or 0
    message = getattr(error, "msg", None) or str(error) or type(error).__name__
    if isinstance(error, (RecursionError, MemoryError)):
        message = "nested too deeply"
    return {"error": {"line": line, "message": message}}


def columns(raw):
    """The columns of a table in an SQLite file, which is opened for reading only."""
    import os
    import sqlite3

    path, table = raw.decode("utf-8").split("\0")
    # immutable takes no lock and makes no -shm file; it does not see a -wal file.
    mode = "mode=ro" if os.path.exists(path + "-wal") else "immutable=1"
    for plain, escaped in (("%", "%25"), ("?", "%3f"), ("#", "%23")):
        path = path.replace(plain, escaped)
    database = sqlite3.connect("file:" + path + "?" + mode, uri=True, timeout=1)
    try:
        rows = database.execute("SELECT name FROM pragma_table_info(?)", (table,)).fetchall()
    finally:
        database.close()
    return {"columns": [row[0] for row in rows]}


def answer(verb, raw):
    if verb == b"columns":
        return columns(raw)
    src = Source(raw)
    tree = src.tree()
    return {} if verb == b"check" else {"body": statements(src, tree.body, verb == b"facts")}


def main():
    out = sys.stdout.buffer
    hello = {"version": ".".join(map(str, sys.version_info[:3])), "path": sys.executable or ""}
    out.write(encoded(hello).encode("ascii") + b"\n")
    out.flush()
    for line in iter(sys.stdin.buffer.readline, b""):
        verb, _, data = line.strip().partition(b" ")
        try:
            text = encoded(answer(verb, a2b_base64(data)))
        except Exception as error:
            text = encoded(failure(error))
        out.write(text.encode("ascii") + b"\n")
        out.flush()


main()
