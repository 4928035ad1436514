package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/rpc"
	"shoal/session/library"
	"shoal/tui/app"
)

// refuse reports that a command has no place within the screen.
func refuse(cmd *cobra.Command) error {
	what := cmd.Name()
	if f := cmd.Flags().Lookup("watch"); f != nil && f.Changed {
		what += " --watch"
	} else if !slices.Contains(notInside, what) {
		return nil
	}
	return fmt.Errorf("%s has no place here: start it in a shell", what)
}

// inside returns the commands as the screen runs them: what they print goes to out, tables in lines of at most width cells if that is not 0.
func (o *tuiOptions) inside(client *rpc.Client, width int, out io.Writer) *cobra.Command {
	con := newConsole(strings.NewReader(""), out, out)
	con.cells = width
	con.steered, con.configFile, con.profile = client, o.con.configFile, o.con.profile
	root, _ := newRoot(con)
	heed := root.PersistentPreRunE
	root.PersistentPreRunE = func(cmd *cobra.Command, args []string) error {
		if err := refuse(cmd); err != nil {
			return err
		}
		return heed(cmd, args)
	}
	root.SetIn(con.stdin)
	root.SetOut(out)
	root.SetErr(out)
	return root
}

// lineWords are the words of a line as they follow shoal in a shell.
func lineWords(line string) ([]string, error) {
	if strings.TrimSpace(line) == "" {
		return nil, nil
	}
	args, err := splitWords(line)
	if len(args) > 0 && args[0] == "shoal" {
		args = args[1:]
	}
	return args, err
}

// completeLine returns what the last word of such a line may become, as the completion of a shell would.
func (o *tuiOptions) completeLine(client *rpc.Client) func(context.Context, string) ([]string, error) {
	return func(ctx context.Context, line string) ([]string, error) {
		args, err := lineWords(line)
		if err != nil {
			return nil, err
		}
		if line == "" || strings.HasSuffix(line, " ") {
			args = append(args, "")
		}
		var out bytes.Buffer
		root := o.inside(client, 0, &out)
		root.SetErr(io.Discard)
		root.SetArgs(append([]string{cobra.ShellCompNoDescRequestCmd}, args...))
		if err := root.ExecuteContext(ctx); err != nil {
			return nil, err
		}
		var words []string
		for _, w := range strings.Split(out.String(), "\n") {
			if w != "" && w[0] != ':' && !(len(args) == 1 && slices.Contains(notInside, w)) {
				words = append(words, text.Clean(w, 0))
			}
		}
		return words, nil
	}
}

// notInside are the commands that make no sense within the screen: they go on for long, or draw themselves.
var notInside = []string{"get", "seed", "daemon", "tui", "demo", "events"}

// commandLine carries out lines of the screen's command prompt as a shell would carry out `shoal LINE`, without any shell.
func (o *tuiOptions) commandLine(client *rpc.Client) func(context.Context, string, int, io.Writer) error {
	return func(ctx context.Context, line string, width int, out io.Writer) error {
		args, err := lineWords(line)
		if err != nil {
			return err
		}
		root := o.inside(client, width, out)
		if cmd, _, err := root.Find(args); err == nil {
			if err := refuse(cmd); err != nil {
				return err
			}
		}
		root.SetArgs(args)
		_, err = root.ExecuteContextC(ctx)
		var told reported
		if errors.As(err, &told) {
			return app.ErrTold // in out already
		}
		return err
	}
}

// steer returns a client of a list in this process, for commands that speak to daemons; no socket is opened. hangUp ends it.
func steer(lib *library.Library, log *slog.Logger) (client *rpc.Client, hangUp func()) {
	ctx, cancel := context.WithCancel(context.Background())
	l := &pipes{conns: make(chan net.Conn), over: make(chan struct{})}
	server := rpc.NewServer(lib, rpc.Options{Log: log, Version: ourVersion()})
	var wait sync.WaitGroup
	wait.Go(func() { _ = server.Serve(ctx, l, rpc.Door{}) })
	client, err := rpc.Dial("http://127.0.0.1:1", rpc.Credentials{}, l.dial)
	if err != nil {
		panic(err) // the address is a constant
	}
	client.Name = "this window"
	return client, func() {
		client.Close()
		cancel()
		_ = l.Close()
		wait.Wait()
	}
}

// pipes is a listener within this process.
type pipes struct {
	conns chan net.Conn
	over  chan struct{}
	once  sync.Once
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.conns <- local{theirs}:
		return ours, nil
	case <-p.over:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.over:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.over) }); return nil }
func (p *pipes) Addr() net.Addr { return loopback }

// local is a connection that says it comes from this machine, which it does.
type local struct{ net.Conn }

var loopback = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}

func (local) LocalAddr() net.Addr  { return loopback }
func (local) RemoteAddr() net.Addr { return loopback }
