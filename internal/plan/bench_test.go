package plan

import (
	"context"
	"fmt"
	"testing"
)

// An install writes about 25 files; its whole own work is to stay around 20 ms.
func BenchmarkApply(b *testing.B) {
	for b.Loop() {
		root := b.TempDir()
		held, err := Lock(root)
		if err != nil {
			b.Fatal(err)
		}
		p, err := New(root)
		if err != nil {
			b.Fatal(err)
		}
		for i := range 25 {
			if err := p.Write(fmt.Sprintf("app/features/auth/f%d.py", i), nil, make([]byte, 8000), 0o644); err != nil {
				b.Fatal(err)
			}
		}
		a, err := p.Apply(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Done(); err != nil {
			b.Fatal(err)
		}
		if err := held.Release(); err != nil {
			b.Fatal(err)
		}
	}
}
