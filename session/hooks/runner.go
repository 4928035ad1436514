// Package hooks runs the user's commands for what happens to torrents: programs with arguments, never a shell, told of the torrent by
// their environment alone, so that no name in a torrent becomes a word of a command. A Runner owns the queue of a daemon's commands
// and the goroutines that wait for them; Add may be called by any goroutine. Command runs one on the caller's goroutine.
package hooks

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Config says how commands are run. Zero values mean the default of each.
type Config struct {
	AtOnce int           // commands that run at a time; 4
	Queue  int           // commands that wait; 1000
	Limit  time.Duration // for each command; 10 minutes, negative for none
	Lines  int           // of the output of one command that go into the log; 200
	Log    *slog.Logger  // gets the output, line by line, and what failed; nil for none
}

// Runner runs commands, a few at a time, in the order in which they were added.
type Runner struct {
	cfg  Config
	jobs chan job
	run  func(context.Context, Command) error // Command.Run, but for tests
}

type job struct {
	argv []string
	env  []string
	log  *slog.Logger
}

// New returns a Runner; nothing runs before Run.
func New(cfg Config) *Runner {
	if cfg.AtOnce <= 0 {
		cfg.AtOnce = 4
	}
	if cfg.Queue <= 0 {
		cfg.Queue = 1000
	}
	if cfg.Limit == 0 {
		cfg.Limit = 10 * time.Minute
	}
	if cfg.Lines <= 0 {
		cfg.Lines = 200
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Runner{cfg: cfg, jobs: make(chan job, cfg.Queue), run: func(ctx context.Context, c Command) error { return c.Run(ctx) }}
}

// Add queues a command for a torrent, and never blocks. Without a command it does nothing. When the queue is full the command is left
// out, which is logged, and Add returns false.
func (r *Runner) Add(argv []string, t Torrent) bool {
	if len(argv) == 0 {
		return true
	}
	log := r.cfg.Log.With("hook", string(t.Event), "torrent", t.ID.String())
	select {
	case r.jobs <- job{argv, t.Env(), log}:
		return true
	default:
		log.Warn("the command is left out: too many wait already", "command", argv[0], "waiting", r.cfg.Queue)
		return false
	}
}

// Run runs what was and will be added, until ctx is over. Then running commands are interrupted, and killed with all they started after Grace;
// those that wait are left out, which is logged. It returns when all have ended.
func (r *Runner) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for range r.cfg.AtOnce {
		all.Go(func() { r.work(ctx) })
	}
	all.Wait()
	left := 0
	for {
		select {
		case <-r.jobs:
			left++
			continue
		default:
		}
		break
	}
	if left > 0 {
		r.cfg.Log.Warn("commands were left out because of the end", "commands", left)
	}
	return nil
}

func (r *Runner) work(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case j := <-r.jobs:
			j.log.Debug("running a command", "command", j.argv[0])
			err := r.run(ctx, Command{Argv: j.argv, Env: j.env, Group: true, Limit: r.cfg.Limit, Lines: r.cfg.Lines,
				Line: func(s string) { j.log.Info(s) }})
			if err != nil {
				j.log.Warn("the command failed", "err", err)
			}
		}
	}
}
