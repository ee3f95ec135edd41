package conformance

import (
	"net"
	"net/url"
	"sync"
)

// relay stands between the app and its database, and can hold back all that passes.
type relay struct {
	listener net.Listener
	upstream string
	gate     sync.RWMutex // held for writing while nothing may pass
}

// newRelay returns a relay to the database of a URL, and the URL that leads through it.
func newRelay(database string) (*relay, string, error) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	r := &relay{listener: listener, upstream: u.Host}
	u.Host = listener.Addr().String()
	go r.accept()
	return r, u.String(), nil
}

func (r *relay) close() { _ = r.listener.Close() }

// hold lets nothing pass until release is called.
func (r *relay) hold() (release func()) {
	r.gate.Lock()
	return sync.OnceFunc(r.gate.Unlock)
}

func (r *relay) accept() {
	for {
		from, err := r.listener.Accept()
		if err != nil {
			return
		}
		to, err := net.Dial("tcp", r.upstream)
		if err != nil {
			_ = from.Close()
			continue
		}
		go r.pass(from, to)
		go r.pass(to, from)
	}
}

func (r *relay) pass(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	chunk := make([]byte, 32*1024)
	for {
		n, err := from.Read(chunk)
		if err != nil {
			return
		}
		r.gate.RLock()
		_, err = to.Write(chunk[:n])
		r.gate.RUnlock()
		if err != nil {
			return
		}
	}
}
