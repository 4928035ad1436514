package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/rpc"
	"shoal/session"
)

// openRPC opens the doors and serves what comes in, until ctx ends; then served is closed, after the errors of doors that fell
// shut before.
func (d *daemon) openRPC(ctx context.Context, state fsys.FS) (served <-chan error, err error) {
	warn := func(err error) { d.log.Warn("the password for commands is not safe", "err", err) }
	creds, err := findCredentials(state, d.cfg.RPC.User, d.cfg.RPC.PasswordFile, warn)
	if err != nil {
		return nil, err
	}
	doors, err := d.openDoors(ctx, creds.password != "")
	if err != nil {
		return nil, err
	}
	opt := rpc.Options{User: creds.user, Password: creds.password, SocketTrusted: true, Hosts: d.cfg.RPC.AllowHosts, Log: d.log,
		Pprof: d.cfg.RPC.Pprof, Version: ourVersion()}
	if creds.password == "" {
		opt.User = ""
	}
	server := rpc.NewServer(d.lib, opt)
	out := make(chan error, len(doors))
	var wait sync.WaitGroup
	for _, x := range doors {
		wait.Go(func() {
			if err := server.Serve(ctx, x.l, x.how); err != nil {
				out <- fmt.Errorf("%s: %w", x.name, err)
			}
		})
	}
	go func() { wait.Wait(); close(out) }()
	d.announce(ctx, doors, creds)
	return out, nil
}

// openDoors opens the listeners: those that the service manager has opened already, and those of the configuration.
func (d *daemon) openDoors(ctx context.Context, password bool) (doors []door, err error) {
	defer func() {
		if err != nil {
			for _, x := range doors {
				_ = x.l.Close()
			}
		}
	}()
	config, err := certificate(d.cfg.RPC.TLSCert, d.cfg.RPC.TLSKey)
	if err != nil {
		return nil, err
	}
	for _, f := range activation.Files(true) {
		name := f.Name()
		l, err := session.Control{}.Inherited(f)
		if err != nil {
			return doors, fmt.Errorf("the socket %s of the service manager: %w", name, err)
		}
		if l.Addr().Network() == "tcp" {
			if err := d.mayOpen(l.Addr().String(), password, config != nil); err != nil {
				return append(doors, doorOf(l, config)), fmt.Errorf("the socket %s of the service manager: %w", name, err)
			}
		}
		doors = append(doors, doorOf(l, config))
	}
	inherited := len(doors) > 0
	if path := d.cfg.RPC.UnixSocket; path != "" && !(path == "auto" && inherited) {
		if path, err = d.socketPath(path); err != nil {
			return doors, err
		}
		l, err := listenSocket(ctx, path)
		if err != nil {
			return doors, fmt.Errorf("%w; another socket is named with --rpc-socket", err)
		}
		doors = append(doors, doorOf(l, nil))
	}
	l, err := d.openTCP(ctx, config, password)
	if err != nil {
		return doors, err
	}
	if l != nil {
		doors = append(doors, doorOf(l, config))
	}
	if len(doors) == 0 {
		return nil, withCode(exitUsage, errors.New("nobody could steer the daemon: name an address with --rpc, or a socket with --rpc-socket"))
	}
	return doors, nil
}

// mayOpen refuses an address that would let anybody steer the daemon, and warns of one that lets others read along.
func (d *daemon) mayOpen(at string, password, encrypted bool) error {
	naked, err := mayListen(at, password, encrypted)
	if naked {
		d.log.Warn("the password goes through the network as it is: name a certificate with [rpc] tls_cert and tls_key, or let a proxy or ssh encrypt", "address", at)
	}
	return err
}

// openTCP opens the door for HTTP, nil for none. That the port is taken is an error only where somebody chose it: the default one may be that of
// another daemon, and there is the socket.
func (d *daemon) openTCP(ctx context.Context, config *tls.Config, password bool) (net.Listener, error) {
	at := d.cfg.RPC.Listen
	if at == "" {
		return nil, nil
	}
	if err := d.mayOpen(at, password, config != nil); err != nil {
		return nil, err
	}
	l, err := session.Control{}.Listen(ctx, "tcp", at)
	switch {
	case err == nil:
		return l, nil
	case d.cfg.Given("rpc.listen"):
		return nil, fmt.Errorf("commands over HTTP: %w; choose another address with --rpc", err)
	}
	d.log.Warn("no commands over HTTP: choose another address with --rpc, or \"\" for none", "err", err)
	return nil, nil
}

// socketPath is where the socket is. In the usual place it is found without --connect; that is in the state folder where there is
// no folder for what lives as long as the machine is up.
func (d *daemon) socketPath(path string) (string, error) {
	if path != "auto" {
		return filepath.Abs(path)
	}
	usual, err := defaultSocket()
	if own, err2 := stateSocket(); err != nil || err2 == nil && own == usual {
		return filepath.Join(d.path, socketName), nil
	}
	return usual, nil
}

// doorOf says what kind of door a listener is.
func doorOf(l net.Listener, config *tls.Config) door {
	a := l.Addr()
	switch {
	case a.Network() == "unix":
		return door{l, rpc.Door{Unix: true}, "unix:" + a.String()}
	case config != nil:
		return door{l, rpc.Door{TLS: config}, "https://" + a.String()}
	}
	return door{l, rpc.Door{}, "http://" + a.String()}
}

// daemonEvent is the JSON line that says that the daemon takes commands.
type daemonEvent struct {
	event
	Connect     []string `json:"connect"` // addresses for --connect
	Peers       []string `json:"peers"`   // where peers are accepted
	Torrents    int      `json:"torrents"`
	User        string   `json:"user,omitempty"`
	Credentials string   `json:"credentials,omitempty"` // file with user and password
}

// announce tells where the daemon takes commands, and once the password that it has made.
func (d *daemon) announce(ctx context.Context, doors []door, creds credentials) {
	e := daemonEvent{event: newEvent("daemon")}
	for _, x := range doors {
		e.Connect = append(e.Connect, x.name)
	}
	if st, err := d.lib.Stats(ctx); err == nil {
		for _, a := range st.Listen {
			e.Peers = append(e.Peers, a.String())
		}
	}
	if t, err := d.lib.Totals(ctx); err == nil {
		e.Torrents = t.Running + t.Stopped
	}
	if creds.password != "" {
		e.User, e.Credentials = creds.user, creds.from
	}
	d.con.Note("ready: %s, commands at %s, peers on %s", text.Count(e.Torrents, "torrent"), strings.Join(e.Connect, " and "), strings.Join(e.Peers, " and "))
	d.con.Event(e)
	if creds.made {
		d.con.secret(creds)
	}
}

// secret tells a person the password that was just made: once, and only where the line is not kept for others to read.
func (c *console) secret(creds credentials) {
	words := fmt.Sprintf("for all but your own commands the user is %s and the password %s; this is not said again: both are in %s", creds.user, creds.password, creds.from)
	if _, journal := lookupEnv("JOURNAL_STREAM"); journal {
		words = "for all but your own commands user and password are in " + creds.from
	}
	c.line(c.stderr, "shoal: "+words) // not through Note, which would mask it
}

// leave ends the process at once because a clean end took too long.
func (c *console) leave() {
	c.Warn("the clean stop took more than %v; leaving now", stopWithin)
	os.Exit(exitUnfinished)
}
