//go:build linux

// Package clients owns the programs under test: how each of them is told to download or to serve one torrent with the same
// rights, when it is ready or done, and what it costs. A Process belongs to the goroutine that started it; what watches it
// is ended by Stop.
package clients

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"time"
)

// Job is what a client has to do.
type Job struct {
	Seed     bool            // serve the content in Folder, else download into it
	Torrent  string          // the .torrent file
	More     []string        // further ones to serve; only shoal can
	Folder   string          // of the content
	State    string          // an empty folder for the client's own files
	Addr     netip.AddrPort  // to listen on, and to dial from
	Up       int             // upload limit in KiB a second, 0 for none
	Peers    int             // connections it must allow
	Slots    int             // peers to upload to at once, 0 as the client likes
	Stay     bool            // go on serving after a download
	RC4      bool            // demand that everything is encrypted
	Whole    <-chan struct{} // closed when the client's announce says that it has everything
	Patience time.Duration   // for a start
}

// Client is one kind of client.
type Client struct {
	Name    string
	Missing func() string // what it lacks on this machine, "" for nothing
	Version func() string
	command func(Job) (*exec.Cmd, error)
	// hand gives the torrent to a process that was not told of it by its command; nil for others.
	hand func(context.Context, *Process) error
	// ready waits until a seed serves, done until a download is complete; nil: by the end of the process.
	ready, done func(context.Context, *Process) error
}

// Programs are what the clients are made of.
type Programs struct {
	Shoal  string // the binary
	Python string // with libtorrent in it
	Self   string // the harness
}

// All returns the clients, by name.
func (p Programs) All() map[string]*Client {
	all := map[string]*Client{}
	for _, c := range []*Client{p.shoal(), p.libtorrent(), p.transmission(), p.aria2(), p.limit()} {
		all[c.Name] = c
	}
	return all
}

// Running is a client at work.
type Running struct {
	*Process
	client *Client
	job    Job
}

// Start starts a client. A seed serves when Start returns.
func (c *Client) Start(ctx context.Context, job Job) (*Running, error) {
	if job.Patience == 0 {
		job.Patience = time.Minute
	}
	cmd, err := c.command(job)
	if err != nil {
		return nil, err
	}
	p, err := Start(cmd, job.State)
	if err != nil {
		return nil, err
	}
	p.job = job
	r := &Running{p, c, job}
	ctx, cancel := context.WithTimeoutCause(ctx, job.Patience, errors.New("it does not begin"))
	defer cancel()
	if c.hand != nil {
		err = r.wait(ctx, c.hand)
	}
	if err == nil && job.Seed {
		err = r.wait(ctx, c.ready)
	}
	if err != nil {
		p.Stop()
		return nil, fmt.Errorf("%s: %w", c.Name, err)
	}
	return r, nil
}

// At returns the address that it listens on.
func (r *Running) At() netip.AddrPort { return r.job.Addr }

// Done waits until the download is complete and returns the seconds since the start.
func (r *Running) Done(ctx context.Context) (float64, error) {
	done := r.client.done
	if done == nil && r.job.Stay {
		return 0, errors.New("it cannot say that it is done")
	}
	if done == nil {
		done = func(ctx context.Context, p *Process) error {
			if err := p.Wait(ctx); err != nil {
				return err
			}
			return p.Failure()
		}
	}
	if err := r.wait(ctx, done); err != nil {
		return 0, err
	}
	return time.Since(r.Began).Seconds(), nil
}

// wait waits for what f waits for, or for the end of the process where f does not.
func (r *Running) wait(ctx context.Context, f func(context.Context, *Process) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.job.Seed || r.client.done != nil {
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-r.ended:
				cancel(errors.New("it ended early: " + r.Tail()))
			case <-stop:
			}
		}()
	}
	return f(ctx, r.Process)
}

// announced waits for an announce that says: I have everything.
func announced(ctx context.Context, p *Process) error {
	select {
	case <-p.job.Whole:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// installed returns a Missing for a program.
func installed(program string) func() string {
	return func() string {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed"
		}
		return ""
	}
}
