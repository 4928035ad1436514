package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"shoal/internal/fsys"
	"shoal/internal/text"
	"shoal/rpc"
	"shoal/session"
	"shoal/session/library"
	"shoal/status"
)

// probeDaemon looks for a daemon, and returns what it says of the network if it is one of this machine's.
func probeDaemon(ctx context.Context, con *console, o *doctorOptions) (d daemonFacts, st *status.Stats) {
	d.ours = ourVersion()
	r := remote{con: con, timeout: 3 * time.Second}
	c, err := r.open(ctx)
	if err == nil {
		defer c.Close()
		d.address = c.Address()
		var s status.Settings
		if s, err = c.Settings(ctx); err == nil {
			d.version, d.kind = s.Version, s.Kind
		}
		if now, err := c.Stats(ctx); err == nil && s.Kind == "shoal" && c.Local() {
			st, d.download, d.state = &now, s.Dir, s.ConfigDir
			d.noDHT, d.noPortMap = !s.DHT, !s.PortMapping
		}
	}
	if d.err = err; err != nil {
		d.wants = errors.Is(err, rpc.ErrCredentials)
		d.holder = lockHolder(o)
	}
	return d, st
}

// lockHolder is what the daemon that has the state folder says of itself, "" for none.
func lockHolder(o *doctorOptions) string {
	path, err := o.statePath()
	if err != nil {
		return ""
	}
	folder, err := fsys.OpenDir(path)
	if err != nil {
		return ""
	}
	defer folder.Close()
	who, held := library.Holder(folder)
	if !held {
		return ""
	}
	return who
}

// probeNetwork opens a session without torrents, as a daemon would, and sees what comes of it.
func probeNetwork(ctx context.Context, con *console, o *doctorOptions) []diagnosis {
	began := time.Now()
	cfg := session.Config{Listen: o.listen, ListenExact: o.exact, Client: clientName, NoLSD: true, NoTrackers: true, NoPortMap: o.noPortMap}
	if !o.noDHT {
		// Read-only: who comes for seconds is of no use to others.
		cfg.DHT = &session.DHT{ReadOnly: true, Bootstrap: o.bootstrap, Routers: routers(o.bootstrap)}
	}
	port := portFacts{asked: o.listen, exact: o.exact, wantUDP: !o.noDHT}
	e, err := start(cfg)
	if err != nil {
		port.err = err
		port.holders = portHolders(o.listen)
		return []diagnosis{port.judge()}
	}
	st := e.settle(ctx, o)
	port.addrs, port.udp = st.Listen, len(st.DHT) > 0
	if moved(port) || port.wantUDP && !port.udp {
		port.holders = portHolders(o.listen)
	}
	if err := e.Close(); err != nil {
		con.Warn("%v", err)
	}
	all := []diagnosis{port.judge()}
	return append(all, judgeStats(st, o, time.Since(began))...)
}

// judgeStats judges what a session, or a daemon, says of the way in and of the DHT.
func judgeStats(st status.Stats, o *doctorOptions, waited time.Duration) []diagnosis {
	r := reachFacts{Reach: st.Reach, own: session.SystemNet{}.Addrs(), unasked: o.noPortMap, waited: waited}
	for i, a := range st.Listen {
		if r.port = a.Port(); a.Addr().IsUnspecified() {
			continue
		}
		if r.unasked = true; i == 0 {
			r.own = nil
		}
		r.own = append(r.own, a.Addr())
	}
	for _, n := range st.DHT {
		if n.External.IsValid() {
			r.external = append(r.external, n.External)
		}
	}
	d := dhtFacts{nodes: st.DHT, off: o.noDHT, closed: len(o.bootstrap) > 0, waited: waited}
	if !d.off && !d.closed {
		host, _, _ := strings.Cut(session.Routers()[0], ":")
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_, d.names = session.SystemNet{}.Lookup(ctx, host)
		cancel()
	}
	return append([]diagnosis{r.judge()}, d.judge()...)
}

// settle waits until the router and the DHT have answered, or their time is over.
func (e *engine) settle(ctx context.Context, o *doctorOptions) (st status.Stats) {
	over := time.After(doctorNetwork)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if now, err := e.Stats(ctx); err == nil {
			st = now
		}
		answers := o.noDHT
		for _, n := range st.DHT {
			answers = answers || n.Good >= dhtEnough || n.Good > 0 && len(o.bootstrap) > 0
		}
		if answers && (o.noPortMap || st.Reach.Mapped) {
			return st
		}
		select {
		case <-ctx.Done():
			return st
		case <-over:
			return st
		case <-tick.C:
		}
	}
}

// probeClock compares clocks: that of the day with that of the machine, and with a tracker's where one is named.
func probeClock(ctx context.Context, o *doctorOptions) clockFacts {
	began := time.Now()
	var c clockFacts
	if o.tracker != "" && !o.offline {
		c.tracker = "it"
		if u, err := url.Parse(o.tracker); err == nil {
			c.tracker = u.Host
		}
		c.date, c.err = dateOf(ctx, o.tracker)
		c.took = time.Since(began)
	} else {
		select { // a while in which a clock that is being set would move
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	now := time.Now()
	c.now, c.jump = now, now.Round(0).Sub(began.Round(0))-now.Sub(began)
	return c
}

// dateOf asks a web server for the time, which it says with every answer (RFC 9110, 6.6.1). The zero time means that it did not.
func dateOf(ctx context.Context, link string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, doctorNetwork)
	defer cancel()
	transport := &http.Transport{DialContext: session.SystemNet{}.Dial, MaxResponseHeaderBytes: 64 << 10}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return time.Time{}, err
	}
	req.Header.Set("User-Agent", strings.ReplaceAll(clientName, " ", "/"))
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if ue, ok := errors.AsType[*url.Error](err); ok {
		err = ue.Err // without the link, which may have a key in it
	}
	if err != nil {
		return time.Time{}, err
	}
	_ = resp.Body.Close()
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return time.Time{}, nil
	}
	return date, nil
}

// socketInodes finds in a table of sockets, as in /proc/net/tcp (proc_pid_net(5)), those that are bound to port and, in a table
// of TCP, listen. Inodes name sockets.
func socketInodes(table string, port uint16, tcp bool) (inodes []string) {
	const listening = "0A"
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || tcp && f[3] != listening {
			continue
		}
		_, hex, ok := strings.Cut(f[1], ":")
		if n, err := strconv.ParseUint(hex, 16, 16); ok && err == nil && uint16(n) == port {
			inodes = append(inodes, f[9])
		}
	}
	return inodes
}

// holderName is how a process is called in a sentence.
func holderName(comm string, pid string) string {
	return text.Clean(strings.TrimSpace(comm), 40) + " (pid " + pid + ")"
}
