package hooks

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Grace is how long a command has to end after an interrupt, before it is killed.
const Grace = 2 * time.Second

// Command is one run of a program. Its words are what the user configured and nothing else: no shell sees them.
type Command struct {
	Argv []string // the program, as Find returns it, and its arguments
	Env  []string // in addition to our own environment
	// Group makes it the first of a process group of its own, so that whatever it started can be ended with it. A program that asks
	// something at the terminal cannot have that. Where there are no process groups it changes nothing.
	Group bool
	Limit time.Duration // it is interrupted then; 0 for no limit
	// Lines is how many lines of output are passed on, 0 for all.
	Lines int
	// Line takes what the command prints on either output, without the newline: foreign text. One goroutine calls it.
	Line func(string)
}

// Find looks for the program that the first word names, as a shell would, and returns the words with its absolute path.
func Find(argv []string) ([]string, error) {
	if len(argv) == 0 || argv[0] == "" {
		return nil, errors.New("no command is named")
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	return append([]string{program}, argv[1:]...), nil
}

// Run runs the command and returns when it has ended and all it printed was passed on. It is interrupted when ctx or its limit is over, and killed
// after Grace. What it leaves running in the background when it ends by itself goes on, unheard.
func (c Command) Run(ctx context.Context) error {
	if len(c.Argv) == 0 {
		return errors.New("no command is named")
	}
	if c.Limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("it took longer than %v", c.Limit))
		defer cancel()
	}
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Env = append(inherited(os.Environ()), c.Env...)
	if c.Group {
		group(cmd)
	}
	cmd.Cancel = func() error { return interrupt(cmd.Process, c.Group) }
	cmd.WaitDelay = Grace
	out := &lines{emit: c.Line, left: c.Lines, endless: c.Lines <= 0}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", c.Argv[0], err)
	}
	pid := cmd.Process.Pid
	err := cmd.Wait()
	out.end()
	switch {
	case ctx.Err() != nil && err != nil:
		if c.Group {
			killGroup(pid)
		}
		return fmt.Errorf("%s: %w: %w", c.Argv[0], context.Cause(ctx), err)
	case errors.Is(err, exec.ErrWaitDelay): // it ended well; what it left behind holds its output open
		return nil
	case err != nil:
		return fmt.Errorf("%s: %w", c.Argv[0], err)
	}
	return nil
}

// inherited is an environment without what concerns this process alone: what would make a shoal started by the command run that command
// again, and how we speak with the system's manager of services.
func inherited(env []string) []string {
	var kept []string
	for _, v := range env {
		switch key, _, _ := strings.Cut(v, "="); key {
		case "SHOAL_ON_DONE", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES":
		default:
			kept = append(kept, v)
		}
	}
	return kept
}
