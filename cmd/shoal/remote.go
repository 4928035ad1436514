package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/filter"
	"shoal/internal/text"
	"shoal/rpc"
	"shoal/session"
	"shoal/status"
)

// remote is what the commands have in common that steer a daemon: where it is, and which of its torrents are meant.
type remote struct {
	con          *console
	connect      string
	user         string
	passwordFile string
	timeout      time.Duration
	filter       string
}

const remoteHelp = `

The daemon is shoal or any other that speaks Transmission's RPC. Without --connect it is asked at the
socket in $XDG_RUNTIME_DIR/shoal or the state folder, else at http://127.0.0.1:9091.`

const pickHelp = `

ID is a torrent's number in the list, the first four or more digits of its info hash (eight where there is no
letter among them), a range like 3-7, or all. --filter chooses among these, or alone; ` + "`shoal help list`" + ` has its language.`

// command is a command that steers a daemon.
func (r *remote) command(cmd *cobra.Command) *cobra.Command {
	cmd.Long += remoteHelp
	f := cmd.Flags()
	f.StringVar(&r.connect, "connect", "", "ask the daemon at `ADDRESS`: unix:PATH, http(s)://HOST:PORT or HOST:PORT")
	f.StringVar(&r.user, "user", "", "log in as `NAME`")
	f.StringVar(&r.passwordFile, "password-file", "", "log in with the password in the first line of `FILE`")
	f.DurationVar(&r.timeout, "timeout", 10*time.Second, "give an answer up after this `TIME`")
	return cmd
}

// picking is such a command whose arguments are torrents.
func (r *remote) picking(cmd *cobra.Command) *cobra.Command {
	cmd.Long += pickHelp
	r.filters(cmd)
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = r.completeIDs
	}
	return r.command(cmd)
}

func (r *remote) filters(cmd *cobra.Command) {
	cmd.Flags().StringVar(&r.filter, "filter", "", "choose torrents by `EXPRESSION`, like 'state:seeding ratio>=2'")
	complete(cmd, "filter", completeFilter)
}

// filtered reports whether --filter says anything: an empty variable of a script must not mean every torrent.
func (r *remote) filtered() bool { return strings.TrimSpace(r.filter) != "" }

// maxPassword bounds the file of a password, in bytes.
const maxPassword = 4 << 10

func (r *remote) credentials() (rpc.Credentials, error) {
	creds := rpc.Credentials{User: r.user}
	if r.passwordFile == "" {
		return creds, nil
	}
	b, err := os.ReadFile(r.passwordFile)
	switch {
	case err != nil:
		return creds, fmt.Errorf("--password-file: %w", err)
	case len(b) > maxPassword:
		return creds, withCode(exitUsage, fmt.Errorf("--password-file %s: it is longer than %d bytes", r.passwordFile, maxPassword))
	}
	line, _, _ := bytes.Cut(b, []byte{'\n'})
	creds.Password = string(bytes.TrimRight(line, "\r"))
	return creds, nil
}

// dial prepares a client for one address.
func (r *remote) dial(address string) (*rpc.Client, error) {
	creds, err := r.credentials()
	if err != nil {
		return nil, err
	}
	c, err := rpc.Dial(address, creds, session.SystemNet{}.Dial)
	if err != nil {
		return nil, withCode(exitUsage, fmt.Errorf("--connect %w", err))
	}
	c.Timeout = r.timeout
	return c, nil
}

// howToStart is said where no daemon answers.
const howToStart = "start one with `shoal daemon`, or name another one with --connect"

// open returns a client of the daemon that answers.
func (r *remote) open(ctx context.Context) (*rpc.Client, error) {
	if r.timeout <= 0 {
		return nil, withCode(exitUsage, errors.New("--timeout: name a time above 0"))
	}
	if r.connect == "" && r.con.steered != nil {
		return r.con.steered, nil
	}
	ask, all := []string{r.connect}, []string{r.connect}
	if r.connect == "" {
		ask, all = defaultAddresses()
	}
	var failed error
	for _, address := range ask {
		c, err := r.dial(address)
		if err != nil {
			return nil, err
		}
		_, err = c.Settings(ctx)
		if err == nil {
			return c, nil
		}
		c.Close()
		if !errors.Is(err, rpc.ErrUnreachable) {
			return nil, err
		}
		failed = err
	}
	if r.connect != "" {
		return nil, fmt.Errorf("%w; %s", failed, howToStart)
	}
	return nil, fmt.Errorf("%w at %s; %s", rpc.ErrUnreachable, text.Clean(strings.Join(all, ", "), 0), howToStart)
}

// with does something with the daemon that answers.
func (r *remote) with(ctx context.Context, do func(context.Context, *rpc.Client) error) error {
	c, err := r.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	return do(ctx, c)
}

// choose returns the torrents that the words and the filter choose, and what is wrong with words that choose none.
func (r *remote) choose(ctx context.Context, c status.Engine, words []string) (list []status.Entry, missing []error, err error) {
	if len(words) == 0 && !r.filtered() {
		return nil, nil, withCode(exitUsage, errors.New("no torrent is named: give its number, the beginning of its hash, all, or --filter"))
	}
	f, err := filter.Parse(r.filter)
	if err != nil {
		return nil, nil, withCode(exitUsage, fmt.Errorf("--filter: %w", err))
	}
	all, _, err := c.Entries(ctx, time.Time{})
	if err != nil {
		return nil, nil, err
	}
	if len(words) > 0 {
		all, missing, err = pick(all, words)
		if err != nil {
			return nil, nil, err
		}
	}
	for i := range all {
		if f.Match(&all[i]) {
			list = append(list, all[i])
		}
	}
	if len(list) == 0 && len(missing) == 0 && !(len(words) == 1 && words[0] == "all" && !r.filtered()) {
		return nil, nil, fmt.Errorf("%w is chosen by --filter %s", status.ErrUnknown, r.filter)
	}
	return list, missing, nil
}

// one returns the one torrent that a word names.
func (r *remote) one(ctx context.Context, c status.Engine, word string) (status.Entry, error) {
	all, _, err := c.Entries(ctx, time.Time{})
	if err != nil {
		return status.Entry{}, err
	}
	list, missing, err := pick(all, []string{word})
	switch {
	case err != nil:
		return status.Entry{}, err
	case len(missing) > 0:
		return status.Entry{}, missing[0]
	case len(list) != 1:
		return status.Entry{}, withCode(exitUsage, fmt.Errorf("%s: %s; name one", word, text.Count(len(list), "torrent")))
	}
	return list[0], nil
}

// didEvent is the JSON line about a torrent to which something was done.
type didEvent struct {
	event
	ID     string `json:"id"`
	Number int    `json:"number"`
	Name   string `json:"name"`
	Action string `json:"action"`
}

// did tells that something was done to a torrent.
func (r *remote) did(action string, e *status.Entry) {
	r.con.Result("%s  %s", action, text.Clean(e.Name, 0))
	r.con.Event(didEvent{newEvent("done"), e.ID.String(), e.Number, text.Clean(e.Name, 0), action})
}

// each does something to every torrent that the words and the filter choose, and tells how that ended.
func (r *remote) each(ctx context.Context, words []string, action string, do func(context.Context, *rpc.Client, *status.Entry) error) error {
	return r.with(ctx, func(ctx context.Context, c *rpc.Client) error {
		list, missing, err := r.choose(ctx, c, words)
		if err != nil {
			return err
		}
		return r.all(ctx, c, list, missing, action, do)
	})
}

// all does something to each of a list; missing counts as failed.
func (r *remote) all(ctx context.Context, c *rpc.Client, list []status.Entry, missing []error, action string, do func(context.Context, *rpc.Client, *status.Entry) error) error {
	failed := failures{con: r.con}
	for _, err := range missing {
		failed.add("", err)
	}
	for i := range list {
		e := &list[i]
		err := do(ctx, c, e)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && action != "" {
			r.did(action, e)
		}
		failed.add(e.Name, err)
	}
	return failed.verdict(len(list) + len(missing))
}

// failures reports what failed of several things, one by one.
type failures struct {
	con   *console
	count int
	code  int // that all have, or exitSome
}

func (f *failures) add(about string, err error) {
	if err == nil {
		return
	}
	if strings.HasPrefix(err.Error(), about+": ") {
		about = "" // it says it itself: a torrent without a name goes by its hash
	}
	f.con.Error(text.Clean(about, 60), err)
	f.count++
	switch c := codeOf(err); {
	case f.code == 0:
		f.code = c
	case f.code != c:
		f.code = exitSome
	}
}

// verdict is an error that was reported already, with the code that all have when all of them failed; nil when none did.
func (f *failures) verdict(of int) error {
	if f.count == 0 {
		return nil
	}
	if f.count < of {
		f.code = exitSome
	}
	return withCode(f.code, reported{errors.New("failed")})
}

// remoteCommands are the commands that steer a daemon.
func remoteCommands(con *console) (list []*cobra.Command) {
	for _, make := range []func(*console) *cobra.Command{
		newAdd, newList, newShow, newStart, newStop, newRemove, newVerify, newAnnounce, newMove, newRename, newLabel, newLimit, newPriority,
		newQueue, newFiles, newTrackers, newWait, newStats, newEvents,
	} {
		list = append(list, make(con))
	}
	return list
}
