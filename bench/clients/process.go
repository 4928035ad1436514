//go:build linux

package clients

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	look  = 10 * time.Millisecond // between two looks at a process
	grace = 5 * time.Second       // from the wish to the command to end
)

// Process is a program that was started, with its output in a file.
type Process struct {
	Began time.Time
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	err   error // of Wait; read after ended
	peak  atomic.Int64
	job   Job
}

// Start starts a program. It dies with the harness.
func Start(cmd *exec.Cmd, folder string) (*Process, error) {
	p := &Process{cmd: cmd, log: filepath.Join(folder, "log"), ended: make(chan struct{})}
	f, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if cmd.Stdout == nil {
		cmd.Stdout = f
	}
	cmd.Stderr = f
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p.Began = time.Now()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	go p.watch()
	return p, nil
}

// watch follows the peak of resident memory until the process ends. What the kernel counts for
// ended processes would begin with the harness's own memory, of which they are born.
func (p *Process) watch() {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if n, err := p.status("VmHWM:"); err == nil {
			p.peak.Store(max(n, p.peak.Load()))
		}
		select {
		case <-p.ended:
			return
		case <-tick.C:
		}
	}
}

// status returns a line of /proc/PID/status in bytes.
func (p *Process) status(field string) (int64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(string(b), "\n"+field)
	words := strings.Fields(rest)
	if !ok || len(words) == 0 {
		return 0, fmt.Errorf("no %s", field)
	}
	n, err := strconv.ParseInt(words[0], 10, 64)
	return n << 10, err
}

// Peak returns the most resident memory so far, in bytes.
func (p *Process) Peak() int64 {
	if n, err := p.status("VmHWM:"); err == nil {
		return max(n, p.peak.Load())
	}
	return p.peak.Load()
}

// Resident returns the resident memory in bytes.
func (p *Process) Resident() (int64, error) { return p.status("VmRSS:") }

// CPU returns the time on processors so far, user and system.
func (p *Process) CPU() time.Duration {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
	default:
	}
	// The clock of a process: its id, inverted, above the bits that name the scheduler's own count of nanoseconds.
	clock := ^p.cmd.Process.Pid<<3 | 2
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return 0
	}
	return time.Duration(ts.Nano())
}

// Wait waits for the end of the process.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-p.ended:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Failure returns how an ended process failed, nil when it did not.
func (p *Process) Failure() error {
	if p.err == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", p.err, p.Tail())
}

// Tail returns the last line of its output.
func (p *Process) Tail() string {
	b, _ := os.ReadFile(p.log)
	b = bytes.TrimSpace(b)
	return string(b[bytes.LastIndexByte(b, '\n')+1:])
}

// says waits until the output has a word, once for each torrent of the job.
func says(word string) func(context.Context, *Process) error {
	return func(ctx context.Context, p *Process) error {
		return until(ctx, func() (bool, error) {
			b, err := os.ReadFile(p.log)
			return bytes.Count(b, []byte(word)) > len(p.job.More), err
		})
	}
}

// until asks again and again.
func until(ctx context.Context, f func() (bool, error)) error {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		if ok, err := f(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// Stop ends the process and waits for that.
func (p *Process) Stop() { p.StopWithin(grace) }

// StopWithin does the same with a process that may take longer to end.
func (p *Process) StopWithin(grace time.Duration) {
	select {
	case <-p.ended:
		return
	default:
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.cmd.Process.Kill()
	}
	select {
	case <-p.ended:
	case <-time.After(grace):
		p.cmd.Process.Kill()
		<-p.ended
	}
}
