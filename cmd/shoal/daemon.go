package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/config"
	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/rpc"
	"shoal/session"
	"shoal/session/library"
	"shoal/status"
)

// daemonOptions are the flags of daemon that are no keys of the configuration. What all others say is in console.cfg.
type daemonOptions struct {
	netFlags
	state       string
	checkConfig bool
}

func newDaemon(con *console) *cobra.Command {
	var o daemonOptions
	cmd := &cobra.Command{
		Use:   "daemon",
		Short: "Keep a list of torrents that other commands steer",
		Long: `Keeps a list of torrents, gets and seeds them, and is steered by shoal add, list,
show, stop and others, or by any program that speaks Transmission's RPC: by this user through a unix
socket without a password, and at http://127.0.0.1:9091 with the user and the password that
the first start makes and tells once. It never goes into the background by itself:
that is what systemd, a container or a & are for.

TERM and INT end it within five seconds, a second one at once. HUP reads the
configuration again and says what only the next start heeds. USR1 tells on
standard error what it is doing.`,
		Example: `  shoal daemon
  shoal daemon --download-dir /srv/downloads --watch ~/torrents
  shoal daemon --rpc 0.0.0.0:9091 --rpc-user me --rpc-password-file ~/.shoal-password
  shoal daemon --check-config`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.heed(cmd, con); err != nil {
				return err
			}
			if o.checkConfig {
				con.Note("the configuration has no errors")
				return nil
			}
			return runDaemon(cmd.Context(), con, &o)
		},
	}
	f := cmd.Flags()
	o.registerNet(cmd)
	f.StringVar(&o.state, "state-dir", "", "keep the list and everything about it in `DIR`")
	f.BoolVar(&o.checkConfig, "check-config", false, "look at flags and configuration, and end")
	// What these say is read from the configuration, which they go before.
	f.String("download-dir", "", "put torrents into `DIR` that name no other folder")
	f.String("rpc", "127.0.0.1:9091", "take commands over HTTP at `HOST:PORT`; \"\" for not at all")
	f.String("rpc-socket", "auto", "take commands of this user on the unix socket `PATH`; auto for the usual place, \"\" for not at all")
	f.String("rpc-user", "", "the `NAME` that goes with the password")
	f.String("rpc-password-file", "", "the password, or its hash, is in the first line of `FILE`")
	f.StringSlice("watch", nil, "add the .torrent and .magnet files that come into `DIR`; repeatable")
	_ = cmd.MarkFlagDirname("download-dir")
	_ = cmd.MarkFlagDirname("state-dir")
	_ = cmd.MarkFlagDirname("watch")
	return cmd
}

// heed looks at the flags and puts those that are keys of the configuration over it.
func (o *daemonOptions) heed(cmd *cobra.Command, con *console) error {
	if err := o.checkNet(cmd, con); err != nil {
		return err
	}
	for flag, value := range con.typed {
		if err := con.cfg.Override(config.ForFlag(flag).Name, value, flag); err != nil {
			return withCode(exitUsage, err)
		}
	}
	return nil
}

// daemon is a running one.
type daemon struct {
	con     *console
	o       *daemonOptions
	log     *slog.Logger
	manager *manager
	lib     *library.Library
	path    string         // of the state folder
	again   chan struct{}  // holds a token when the configuration is to be read again
	cfg     *config.Config // after the start that of reloads alone
}

// runDaemon is the whole command.
func runDaemon(ctx context.Context, con *console, o *daemonOptions) (err error) {
	if err := con.cfg.Absolute(); err != nil {
		return err
	}
	if con.logLevel == "" || con.logLevel == "auto" {
		con.logLevel = "info"
	}
	log, closeLog, err := con.logger()
	if err != nil {
		return err
	}
	defer closeLog()
	d := &daemon{con: con, o: o, log: log, cfg: con.cfg, again: make(chan struct{}, 1)}
	con.onHangup(d.hungUp)
	if d.manager, err = newManager(); err != nil {
		return err
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	state, err := d.openList(end)
	if err != nil {
		return err
	}
	defer state.Close()
	rpcCtx, endRPC := context.WithCancel(ctx)
	served, err := d.openRPC(rpcCtx, state)
	if err != nil {
		endRPC()
		end()
		return errors.Join(err, d.lib.Run(ctx))
	}
	return d.run(ctx, end, endRPC, served)
}

// openList opens the state folder and the list in it, which asks for its end with ask. From then on the list must run, if only to end.
func (d *daemon) openList(ask func()) (fsys.FS, error) {
	state, err := d.openState()
	if err != nil {
		return nil, err
	}
	settings := d.settings(d.cfg)
	d.lib, err = library.Open(library.Config{State: state, StatePath: d.path, Session: d.sessionConfig(&settings), Settings: settings, Watch: d.watched(),
		Log: d.log.Handler(), Ask: ask})
	if err != nil {
		_ = state.Close()
		return nil, explainOpen(err)
	}
	tuneGC() // not before: a long list would be gone over again and again as it grows
	return state, nil
}

// explainOpen says what to do about a daemon that cannot start.
func explainOpen(err error) error {
	switch {
	case errors.Is(err, library.ErrRunning):
		return withCode(exitLocked, err)
	case errors.Is(err, session.ErrPort):
		return fmt.Errorf("%w; choose another with --listen or [network] listen", err)
	}
	return err
}

// openState opens the state folder and makes it if need be.
func (d *daemon) openState() (fsys.FS, error) {
	dir := d.o.state
	if dir == "" {
		var err error
		if dir, err = stateDir(); err != nil {
			return nil, err
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil { // there are passwords and passkeys in it
		return nil, fmt.Errorf("state folder: %w; choose another with --state-dir", err)
	}
	d.path = dir
	return fsys.OpenDir(dir)
}

// watched are the folders that torrents are taken from.
func (d *daemon) watched() (all []library.Watch) {
	for _, dir := range d.cfg.Watch.Dirs {
		all = append(all, library.Watch{Path: dir, Delete: d.cfg.Watch.After == "delete"})
	}
	return all
}

// rpcHandles is how many connections of callers come to what a session has open, with the folders and sockets of a daemon.
const rpcHandles = 64 + 16

// settings are the configured ones, within what this process may have open.
func (d *daemon) settings(cfg *config.Config) status.Settings {
	s := cfg.Settings()
	// A service has no home, or none that it may write to.
	if _, service := lookupEnv("STATE_DIRECTORY"); !cfg.Given("download.dir") && (service || s.Dir == "") {
		s.Dir = filepath.Join(d.path, "downloads")
	}
	s.Version, s.ConfigDir, s.Kind = ourVersion(), d.path, "shoal"
	var room session.Config
	if limit := handleLimit(); limit > 0 {
		fit(&room, max(limit-rpcHandles, 1))
	}
	if most := room.Limits.Connections; most > 0 {
		s.MaxPeers = min(s.MaxPeers, most)
	}
	return s
}

// sessionConfig is the part of the session's configuration that is not in the settings.
func (d *daemon) sessionConfig(s *status.Settings) session.Config {
	c := session.Config{Listen: d.cfg.Network.Listen, ListenExact: d.cfg.Given("network.listen"), Client: clientName, BootID: session.BootID(),
		NoTrackers: *d.o.off["trackers"],
		DHT:        &session.DHT{ReadOnly: d.cfg.Network.DHTReadOnly, Bootstrap: d.cfg.Network.Bootstrap, Routers: routers(d.cfg.Network.Bootstrap)}}
	if limit := handleLimit(); limit > 0 {
		fit(&c, max(limit-rpcHandles, 1))
	}
	return c
}

// run lives until ctx ends.
func (d *daemon) run(ctx context.Context, end, endRPC context.CancelFunc, served <-chan error) error {
	ended := make(chan error, 1)
	go func() { ended <- d.lib.Run(ctx) }()
	var wait sync.WaitGroup
	wait.Go(func() {
		d.manager.watch(ctx, d.alive, func(err error) { d.log.Error("the engine does not answer", "err", err) })
	})
	wait.Go(func() { d.tellStatus(ctx) })
	wait.Go(func() { d.reloads(ctx) })
	d.con.answer(func() { d.con.Warn("%s", d.statusLine(ctx)) })
	d.tell(d.manager.ready())

	var failed error
	select {
	case <-ctx.Done():
	case failed = <-served: // a door that fell shut
		d.log.Error("commands cannot come in any more", "err", failed)
	case err := <-ended:
		ended <- err
	}
	d.tell(d.manager.stopping())
	late := time.AfterFunc(stopWithin, func() { d.con.leave() })
	defer late.Stop()
	endRPC() // calls under way are answered
	end()
	err := <-ended
	wait.Wait()
	for err := range served {
		failed = errors.Join(failed, err)
	}
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(failed, err)
}

// tell notes that the service manager could not be told something.
func (d *daemon) tell(err error) {
	if err != nil {
		d.log.Warn("the service manager does not listen", "err", err)
	}
}

// alive reports whether the engine answers: its session, and its list.
func (d *daemon) alive(ctx context.Context) error {
	if _, err := d.lib.Stats(ctx); err != nil {
		return err
	}
	_, _, err := d.lib.Entries(ctx, time.Now())
	return err
}

// statusEvery is how often the service manager hears what the daemon does.
const statusEvery = 10 * time.Second

func (d *daemon) tellStatus(ctx context.Context) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		d.tell(d.manager.status(d.statusLine(ctx)))
	}
}

// statusLine says what the daemon does, in one line.
func (d *daemon) statusLine(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, stopWithin)
	defer cancel()
	st, err := d.lib.Stats(ctx)
	totals, err2 := d.lib.Totals(ctx)
	if err = errors.Join(err, err2); err != nil {
		return "the engine does not answer: " + err.Error()
	}
	return fmt.Sprintf("%s running, %d stopped; %s down, %s up, %s", text.Count(totals.Running, "torrent"), totals.Stopped, text.Rate(st.Down), text.Rate(st.Up), text.Count(st.Peers, "peer"))
}

// door is one way in for commands.
type door struct {
	l    net.Listener
	how  rpc.Door
	name string // address, as --connect takes it
}
