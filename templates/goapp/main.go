// Command app is the web application. PORT says where it listens.
package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/joho/godotenv"
)

// stopPatience is how long requests may finish when the app is stopped.
const stopPatience = 10 * time.Second

func main() {
	// What the environment says already wins over the file; there need be none.
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		slog.Error("the file .env is not lines of NAME=value") // err may show what is in it
		os.Exit(1)
	}
	if err := serve(); err != nil {
		slog.Error("the app ends", "error", err)
		os.Exit(1)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", health)
	server := &http.Server{
		Addr:              ":" + cmp.Or(os.Getenv("PORT"), "8000"),
		Handler:           mux,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		WriteTimeout:      time.Minute,
		IdleTimeout:       2 * time.Minute,
	}
	// fastman: if jwt or oauth or keycloak or passkey
	authn := mustAuth()
	defer authn.Close()
	mux.HandleFunc("GET /openapi.json", authn.OpenAPI)
	server.Handler = authn.Middleware(mux)
	// fastman: end
	// Who computes for long keeps a core. With one processor more than there are cores,
	// others are answered meanwhile. It comes last: what counts cores has done so.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	slog.Info("listening", "addr", server.Addr)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop() // a second signal ends the app at once
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	if err := server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return server.Close()
}

// health answers as long as the process serves requests.
func health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"status":"ok"}`))
}
