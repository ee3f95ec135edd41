//go:build !windows

package run

import (
	"os/exec"
	"syscall"
)

// group is the process group of a process we started; its id is the leader's.
type group struct{ id int }

// ownGroup starts cmd in a new session: a group of its own without a controlling
// terminal, so that a password prompt fails at once instead of hanging.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}

func (u *User) runs(cmd *exec.Cmd) {
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: u.UID, Gid: u.GID}
}

func adopt(cmd *exec.Cmd) group { return group{cmd.Process.Pid} }

func (g group) terminate() { _ = syscall.Kill(-g.id, syscall.SIGTERM) }
func (g group) kill()      { _ = syscall.Kill(-g.id, syscall.SIGKILL) }
func (g group) close()     {}

func sameEnvName(a, b string) bool { return a == b }
