package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"shoal/internal/text"
	"shoal/rpc"
	"shoal/status"
)

// removeOptions are the flags of remove.
type removeOptions struct {
	remote
	data, yes bool
}

func (o *removeOptions) run(ctx context.Context, args []string) error {
	if o.data && !o.yes && !o.canAsk() {
		return withCode(exitUsage, errors.New("--with-data deletes files, and there is no terminal to ask at: add --yes"))
	}
	return o.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		list, missing, err := o.choose(ctx, c, args)
		if err != nil {
			return err
		}
		if o.data && !o.yes && len(list) > 0 {
			if agreed, err := o.ask(ctx, list); err != nil || !agreed {
				return err
			}
		}
		action := "removed"
		if o.data {
			action = "deleted"
		}
		return o.all(ctx, c, list, missing, action, func(ctx context.Context, c *rpc.Client, e *status.Entry) error {
			return c.Remove(ctx, e.ID, status.Removal{Data: o.data})
		})
	})
}

// canAsk reports whether a person can be asked.
func (o *removeOptions) canAsk() bool {
	f, ok := o.con.stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && isTerminal(o.con.stderr)
}

// maxShown is how many torrents a question names.
const maxShown = 10

// ask shows what will be deleted and asks for a y. Ctrl-C, the end of input and everything else keep
// everything.
func (o *removeOptions) ask(ctx context.Context, list []status.Entry) (bool, error) {
	var sum int64
	for i := range list {
		e := &list[i]
		sum += e.Have
		if i < maxShown {
			o.con.Warn("%s  %s in %s", text.Clean(e.Name, 60), text.Size(e.Have), text.Clean(e.Dir, 0))
		}
	}
	if len(list) > maxShown {
		o.con.Warn("and %d more", len(list)-maxShown)
	}
	_, _ = fmt.Fprintf(o.con.stderr, "shoal: delete %s of %s? This cannot be undone. [y/N] ", text.Size(sum), text.Count(len(list), "torrent"))
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(io.LimitReader(o.con.stdin, 1<<10)).ReadString('\n') // the end of input is no y
		answer <- line
	}()
	select {
	case <-ctx.Done():
		return false, context.Cause(ctx)
	case line := <-answer:
		if line = strings.ToLower(strings.TrimSpace(line)); line == "y" || line == "yes" {
			return true, nil
		}
	}
	o.con.Warn("nothing was removed")
	return false, nil
}
