//go:build !linux

package run

import (
	"context"
	"errors"
)

// Zygote is only for Linux: elsewhere libraries don't outlive a fork.
type Zygote struct{}

// StartZygote fails.
func StartZygote(context.Context, Spec) (*Zygote, error) { return nil, errors.ErrUnsupported }

// Start fails.
func (*Zygote) Start(context.Context, Spec) (*Process, error) { return nil, errors.ErrUnsupported }

// Stop has nothing to end.
func (*Zygote) Stop() {}
