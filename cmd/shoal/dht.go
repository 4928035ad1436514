package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/session"
)

// Times of `shoal dht`.
const (
	dhtFill   = 15 * time.Second // until the table counts as filled in any case
	dhtSettle = 2 * time.Second  // or so long no further node has come
	dhtEnough = 8                // nodes that are enough for a look-up
)

type dhtOptions struct {
	listen    string
	exact     bool
	bootstrap []string
	announce  int
	readOnly  bool
	serve     bool
	scrape    bool
}

func newDHT(con *console) *cobra.Command {
	o := dhtOptions{}
	cmd := &cobra.Command{
		Use:   "dht [MAGNET|HASH|TORRENT]",
		Short: "Show our node of the DHT, or look up who has a torrent",
		Long: `Enters the distributed hash table. With a magnet link, an info hash or a
.torrent file it looks up the torrent there and prints the peers that it finds,
one a line; the exit code is 1 when there are none and nothing was announced. Without one it prints our
node and those that it knows, after 15 seconds at most.

--serve goes on until it is interrupted, and answers others: a node through which
peers of a closed network find each other with --bootstrap.`,
		Example: `  shoal dht
  shoal dht 'magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567'
  shoal dht --json 0123456789abcdef0123456789abcdef01234567 | jq -r .addr
  shoal dht --serve --listen :6881                    for a network without internet
  shoal get --bootstrap 192.168.1.5:6881 'magnet:?...'  which others there enter through`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: torrentFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.exact = cmd.Flags().Changed("listen")
			if err := o.check(len(args) == 1); err != nil {
				return err
			}
			return lookIntoDHT(cmd.Context(), con, &o, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", session.DefaultListen, "listen on `HOST:PORT`; a default port that is taken moves to the next free one")
	f.StringSliceVar(&o.bootstrap, "bootstrap", nil, "enter the DHT through this node, `HOST:PORT`, and not through public ones; repeatable")
	f.IntVar(&o.announce, "announce", 0, "announce that we have the torrent at `PORT`")
	f.BoolVar(&o.readOnly, "dht-read-only", false, "ask the DHT, but answer nobody there")
	f.BoolVar(&o.scrape, "scrape", false, "estimate how many seeds and other peers there are, instead of naming them")
	f.BoolVar(&o.serve, "serve", false, "go on until interrupted")
	return cmd
}

func (o *dhtOptions) check(named bool) error {
	switch _, _, err := net.SplitHostPort(o.listen); {
	case err != nil:
		return withCode(exitUsage, fmt.Errorf("--listen %q: write HOST:PORT or :PORT", o.listen))
	case o.announce < 0 || o.announce > 65535:
		return withCode(exitUsage, fmt.Errorf("--announce %d: ports go from 1 to 65535", o.announce))
	case (o.announce > 0 || o.scrape) && !named:
		return withCode(exitUsage, errors.New("--announce and --scrape need a torrent"))
	case o.announce > 0 && o.scrape:
		return withCode(exitUsage, errors.New("--announce and --scrape exclude each other"))
	case o.announce > 0 && o.readOnly:
		return withCode(exitUsage, errors.New("--announce and --dht-read-only exclude each other"))
	}
	return hostPorts("--bootstrap", o.bootstrap)
}

// lookIntoDHT is the whole command.
func lookIntoDHT(ctx context.Context, con *console, o *dhtOptions, args []string) error {
	var id metainfo.ID
	var hints []string
	if len(args) == 1 {
		t, m, err := resolve(ctx, args[0], session.SystemNet{})
		if err != nil {
			return err
		}
		if m != nil {
			id = m.ID
		} else if id, hints = t.ID, t.Nodes; t.Info.Private() {
			return withCode(exitBadTorrent, errors.New("the torrent is private: it may not be looked up in the DHT"))
		}
	}
	e, err := openWith(con, session.Config{
		Listen: o.listen, ListenExact: o.exact, Client: clientName, BootID: session.BootID(), NoLSD: true, NoPortMap: true,
		DHT: &session.DHT{ReadOnly: o.readOnly, Bootstrap: append(o.bootstrap, hints...), Routers: routers(o.bootstrap)},
	})
	if err != nil {
		return err
	}
	err = e.inDHT(ctx, con, o, id, len(args) == 1)
	return errors.Join(err, e.Close())
}

// inDHT does what was asked for in a session that has just begun.
func (e *engine) inDHT(ctx context.Context, con *console, o *dhtOptions, id metainfo.ID, named bool) error {
	if len(e.DHTNodes()) == 0 {
		return errors.New("there is no UDP socket to be had on this port; choose another with --listen")
	}
	if o.serve {
		for _, a := range e.Addrs() {
			con.Note("a DHT node listens on %v", a)
		}
	}
	enough := dhtEnough
	if !named {
		enough = 1 << 20
	}
	good := e.fillTable(ctx, enough)
	var err error
	switch {
	case ctx.Err() != nil:
	case o.scrape:
		err = e.countPeers(ctx, con, id)
	case named:
		err = e.findPeers(ctx, con, id, uint16(o.announce))
	default:
		con.showDHT(e.DHTNodes())
		if good == 0 && !o.serve {
			err = errors.New("no DHT node answers: is there a network, and does a firewall let UDP through?")
		}
	}
	if o.serve {
		<-ctx.Done()
		return nil
	}
	if ctx.Err() != nil {
		return withCode(exitUnfinished, errors.New("interrupted"))
	}
	return err
}

// fillTable waits until enough good nodes are known, or no more come. It returns how many are.
func (e *engine) fillTable(ctx context.Context, enough int) (good int) {
	over := time.After(dhtFill)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	news := time.Now()
	for good < enough && (good == 0 || time.Since(news) < dhtSettle) {
		select {
		case <-ctx.Done():
			return good
		case <-over:
			return good
		case <-tick.C:
		}
		st, err := e.Stats(ctx)
		if err != nil {
			return good
		}
		sum := 0
		for _, n := range st.DHT {
			sum += n.Good
		}
		if sum != good {
			good, news = sum, time.Now()
		}
	}
	return good
}

// countPeers prints how many peers a torrent has, as far as nodes keep count (BEP 33).
func (e *engine) countPeers(ctx context.Context, con *console, id metainfo.ID) error {
	seeds, others, err := e.ScrapeDHT(ctx, id.Wire())
	for over := time.Now().Add(dhtFill); err == nil && seeds+others == 0 && time.Now().Before(over); {
		select { // nodes tell only whom they have asked something themselves meanwhile
		case <-ctx.Done():
		case <-time.After(dhtSettle):
		}
		seeds, others, err = e.ScrapeDHT(ctx, id.Wire())
	}
	if err != nil {
		return fmt.Errorf("count the peers: %w", err)
	}
	con.Result("about %s, %s", text.Count(seeds, "seed"), text.Count(others, "other peer"))
	con.Event(scrapeEvent{newEvent("scrape"), id.String(), seeds, others})
	return nil
}

// findPeers looks a torrent up and prints its peers as they come.
func (e *engine) findPeers(ctx context.Context, con *console, id metainfo.ID, announce uint16) error {
	seen := map[netip.AddrPort]bool{}
	st, err := e.LookUp(ctx, id.Wire(), announce, func(peers []netip.AddrPort, by netip.Addr) {
		for _, p := range peers {
			if !seen[p] {
				seen[p] = true
				con.Result("%v", p)
				con.Event(peerEvent{newEvent("peer"), p.String(), by.String()})
			}
		}
	})
	if err != nil {
		return err
	}
	con.Note("%d of %s answered within %s; peers found: %d", st.Answered, text.Count(st.Asked, "node"), seconds(st.Took), len(seen))
	if announce != 0 {
		con.Note("announced at port %d to %s", announce, text.Count(st.Announced, "node"))
	}
	con.Event(lookupEvent{newEvent("done"), id.String(), st.Asked, st.Answered, len(seen), st.Announced, st.Took.Seconds()})
	if len(seen) == 0 && st.Announced == 0 {
		return errors.New("no node knows a peer of this torrent")
	}
	return nil
}
