package auth

import (
	"strings"
	"sync"
)

// rememberedMax bounds what is kept of one kind: of tokens that is about 2 MB.
const rememberedMax = 4096

// remembered are values by name that need not be found out again. When it is full, it
// forgets all of them.
type remembered[V any] struct {
	mu     sync.RWMutex
	values map[string]V
}

func (r *remembered[V]) find(name string) (value V, known bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	value, known = r.values[name]
	return value, known
}

func (r *remembered[V]) keep(name string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.values == nil || len(r.values) == rememberedMax {
		r.values = map[string]V{}
	}
	r.values[strings.Clone(name)] = value // the request's memory is not kept with it
}
