package project

import (
	"context"
	"os"
	"testing"
)

var testContext = context.Background()

// TestMain takes away what the developer's shell says about environments.
func TestMain(m *testing.M) {
	for _, key := range []string{"VIRTUAL_ENV", "UV_PROJECT_ENVIRONMENT"} {
		if err := os.Unsetenv(key); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
