package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/peer"
	"shoal/session"
	"shoal/session/budget"
)

// netFlags are the flags of every command that talks to peers.
type netFlags struct {
	listen      string
	peers       []string
	down, up    rate
	downEach    rate // for each torrent
	upEach      rate
	slots       int
	maxPeers    int
	encryption  string
	bootstrap   []string
	readOnly    bool
	off         map[string]*bool // the --no-X flags
	progress    string
	listenGiven bool
}

// rate is a flag in bytes a second.
type rate int64

func (r *rate) String() string {
	if *r == 0 {
		return ""
	}
	return text.SizeBinary(int64(*r)) + "/s"
}
func (r *rate) Type() string { return "RATE" }
func (r *rate) Set(s string) error {
	n, err := text.ParseRate(s)
	*r = rate(n)
	return err
}

// size is a flag in bytes.
type size int64

func (z *size) String() string {
	if *z == 0 {
		return ""
	}
	return text.SizeBinary(int64(*z))
}
func (z *size) Type() string { return "SIZE" }
func (z *size) Set(s string) error {
	n, err := text.ParseSize(s)
	*z = size(n)
	return err
}

func (n *netFlags) register(cmd *cobra.Command) {
	n.registerNet(cmd)
	f := cmd.Flags()
	f.StringSliceVar(&n.peers, "peer", nil, "connect to this peer, `HOST:PORT`; repeatable")
	f.StringVar(&n.progress, "progress", "auto", "auto, plain, json or none; auto draws on a terminal and is plain elsewhere")
	choices(cmd, "progress", "auto", "plain", "json", "none")
}

// registerNet adds those flags that do not name one torrent or one run.
func (n *netFlags) registerNet(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&n.listen, "listen", session.DefaultListen, "accept peers on `HOST:PORT` and dial from HOST; a default port that is taken moves to the next free one")
	f.Var(&n.down, "limit-down", "receive at most RATE, like 2MB or 2048KiB a second")
	f.Var(&n.up, "limit-up", "send at most RATE")
	f.Var(&n.downEach, "limit-down-each", "receive at most RATE for each torrent")
	f.Var(&n.upEach, "limit-up-each", "send at most RATE for each torrent")
	f.IntVar(&n.slots, "upload-slots", 0, "upload to `N` peers at once; 0 chooses by rate")
	f.IntVar(&n.maxPeers, "max-peers", 0, "connect to at most `N` peers a torrent; 0 is the default of 100, and all torrents share 500 or N")
	f.StringVar(&n.encryption, "encryption", "prefer", "prefer dials encrypted and then plain, require never sends or takes a plain byte, off never encrypts")
	f.StringSliceVar(&n.bootstrap, "bootstrap", nil, "enter the DHT through this node, `HOST:PORT`, and not through public ones; repeatable")
	f.BoolVar(&n.readOnly, "dht-read-only", false, "ask the DHT, but answer nobody there and announce nothing")
	n.off = map[string]*bool{}
	for _, x := range []struct{ name, what string }{
		{"trackers", "ask no trackers"},
		{"dht", "stay out of the distributed hash table"},
		{"lsd", "do not look for peers in the local network"},
		{"pex", "do not exchange peer addresses with peers"},
		{"utp", "no connections over UDP; there are none yet, so this changes nothing"},
		{"portmap", "do not ask the router to forward the port; nor is it asked when --listen names a HOST"},
	} {
		n.off[x.name] = f.Bool("no-"+x.name, false, x.what)
	}
	choices(cmd, "encryption", "prefer", "require", "off")
}

// check looks at the values and notes what was given by hand.
func (n *netFlags) check(cmd *cobra.Command, con *console) error {
	if err := oneOf("--progress", n.progress, "auto", "plain", "json", "none"); err != nil {
		return err
	}
	return n.checkNet(cmd, con)
}

// checkNet does that for the flags of registerNet.
func (n *netFlags) checkNet(cmd *cobra.Command, con *console) error {
	n.listenGiven = cmd.Flags().Changed("listen")
	if err := oneOf("--encryption", n.encryption, "prefer", "require", "off"); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(n.listen); err != nil {
		return withCode(exitUsage, fmt.Errorf("--listen %q: write HOST:PORT or :PORT", n.listen))
	}
	if err := errors.Join(hostPorts("--peer", n.peers), hostPorts("--bootstrap", n.bootstrap)); err != nil {
		return err
	}
	if n.slots < 0 || n.maxPeers < 0 {
		return withCode(exitUsage, fmt.Errorf("--upload-slots and --max-peers may not be negative"))
	}
	if *n.off["dht"] && len(n.bootstrap) > 0 {
		con.Note("--bootstrap has no effect: the DHT is switched off")
	}
	return nil
}

// hostPorts looks at the addresses that a flag was given.
func hostPorts(flag string, list []string) error {
	for _, p := range list {
		host, port, err := net.SplitHostPort(p)
		if n, err2 := strconv.ParseUint(port, 10, 16); err != nil || host == "" || err2 != nil || n == 0 {
			return withCode(exitUsage, fmt.Errorf("%s %q: write HOST:PORT", flag, p))
		}
	}
	return nil
}

// dht is how the session is to take part in the DHT, nil for not at all.
func (n *netFlags) dht() *session.DHT {
	if *n.off["dht"] {
		return nil
	}
	return &session.DHT{ReadOnly: n.readOnly, Bootstrap: n.bootstrap, Routers: routers(n.bootstrap)}
}

// routers are the public nodes to begin with: none for who named a node, so that a closed network stays one.
func routers(named []string) []string {
	if len(named) > 0 {
		return nil
	}
	return session.Routers()
}

// config is the session's configuration as the flags want it.
func (n *netFlags) config() session.Config {
	policy := map[string]peer.Encryption{"prefer": peer.PreferEncryption, "require": peer.RequireEncryption, "off": peer.NoEncryption}
	cfg := session.Config{
		Encryption: policy[n.encryption],
		Listen:     n.listen, ListenExact: n.listenGiven, Client: clientName, BootID: session.BootID(),
		MaxPeers: n.maxPeers, NoTrackers: *n.off["trackers"], NoLSD: *n.off["lsd"], NoPortMap: *n.off["portmap"], NoPex: *n.off["pex"],
		DHT:    n.dht(),
		Limits: budget.Limits{Up: int64(n.up), Down: int64(n.down), Slots: n.slots},
	}
	fit(&cfg, handleLimit())
	return cfg
}

// spareHandles is what a session has open beside payload and peers: terminal, log, listeners, UDP,
// state, locks, trackers, and the folders on the way to a file.
const spareHandles = 26

// fit shrinks what a session keeps open to what this process may have open. Who wants more peers for a torrent than the session has
// connections for all of them gets as many.
func fit(cfg *session.Config, handles int) {
	room := max(handles-spareHandles, 12)
	if cfg.MaxPeers > 500 {
		cfg.Limits.Connections = cfg.MaxPeers
	}
	if handles == 0 || room-128-30 >= max(500, cfg.MaxPeers) {
		return // the other defaults of the session
	}
	cfg.OpenFiles = min(room/4, 128)
	cfg.Limits.HalfOpen = min(room/6, 30)
	cfg.Limits.Connections = room - cfg.OpenFiles - cfg.Limits.HalfOpen
}
