package run

import (
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// FreePort returns a port of this machine that nobody listens on. It stays below the
// ports that systems give to clients: there, one of the many connections of a run could
// take the port before the process that it is for.
func FreePort() (int, error) {
	for range 100 {
		port := 20_000 + rand.IntN(12_000)
		listener, err := net.Listen("tcp", ":"+strconv.Itoa(port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no port is free between 20000 and 32000")
}
