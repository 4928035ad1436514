package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"shoal/rpc"
)

// passwordEvent is the JSON line of `config password`.
type passwordEvent struct {
	event
	Hash string `json:"hash"`
}

func newConfigPassword(con *console) *cobra.Command {
	return &cobra.Command{
		Use:   "password",
		Short: "Print the hash of a password for rpc.password_file",
		Long: `Reads a password, at a terminal twice and without showing it, else the first line of standard
input, and prints its hash: what may stand in the file that rpc.password_file names. Who
reads that file does not know the password.`,
		Example: "  shoal config password > ~/.config/shoal/rpc-password\n  pass show nas | shoal config password",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			password, err := readPassword(cmd.Context(), con)
			if err != nil {
				return err
			}
			hash, err := rpc.HashPassword(password)
			if err != nil {
				return err
			}
			con.Result("%s", hash)
			con.Event(passwordEvent{newEvent("password"), hash})
			return nil
		},
	}
}

// readPassword asks a person, or reads the first line of what is piped in.
func readPassword(ctx context.Context, con *console) (password string, err error) {
	f, ok := con.stdin.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(con.stdin, maxCredentials+1)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("standard input: %w", err)
		}
		return usable(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"))
	}
	fd := int(f.Fd())
	before, err := term.MakeRaw(fd) // before it is asked, so that nothing of the answer shows
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, term.Restore(fd, before)) }()
	type answer struct {
		password string
		err      error
	}
	got := make(chan answer, 1)
	go func() {
		password, err := askTwice(term.NewTerminal(struct {
			io.Reader
			io.Writer
		}{f, con.stderr}, ""))
		got <- answer{password, err}
	}()
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case a := <-got:
		return a.password, a.err
	}
}

// usable refuses what nobody could log in with.
func usable(password string) (string, error) {
	switch {
	case password == "":
		return "", withCode(exitUsage, errors.New("the password is empty"))
	case len(password) > maxCredentials:
		return "", withCode(exitUsage, fmt.Errorf("the password is longer than %d bytes", maxCredentials))
	}
	return password, nil
}

// askTwice asks at a terminal that shows nothing by itself. Ctrl-C and Ctrl-D end the input there.
func askTwice(t *term.Terminal) (string, error) {
	password, err := t.ReadPassword("Password: ")
	if err == nil {
		password, err = usable(password)
	}
	if err != nil {
		return "", unanswered(err)
	}
	again, err := t.ReadPassword("The same again: ")
	if err == nil && again != password {
		err = withCode(exitUsage, errors.New("the second password differs from the first: try again"))
	}
	return password, unanswered(err)
}

func unanswered(err error) error {
	if errors.Is(err, io.EOF) {
		return withCode(exitUnfinished, errors.New("no password was given"))
	}
	return err
}
