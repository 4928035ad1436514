package rpc

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"shoal/metainfo"
	"shoal/status"
)

// wireStats is what session-stats tells.
type wireStats struct {
	Active  wireInt `json:"activeTorrentCount"`
	Paused  wireInt `json:"pausedTorrentCount"`
	Count   wireInt `json:"torrentCount"`
	Down    wireInt `json:"downloadSpeed"`
	Up      wireInt `json:"uploadSpeed"`
	Ever    wireSum `json:"cumulative-stats"`
	Current wireSum `json:"current-stats"`

	DHT         []wireDHT `json:"shoal_dht"`
	DHTEvery    wireInt   `json:"shoal_dht_every"`
	External    string    `json:"shoal_external"`
	Listen      []string  `json:"shoal_listen"`
	Peers       wireInt   `json:"shoal_peers"`
	PieceMemory wireInt   `json:"shoal_piece_memory"`
	Reach       wireReach `json:"shoal_reach"`
}

type wireSum struct {
	Down   wireInt `json:"downloadedBytes"`
	Up     wireInt `json:"uploadedBytes"`
	Added  wireInt `json:"filesAdded"`
	Starts wireInt `json:"sessionCount"`
	Active wireInt `json:"secondsActive"`
}

type wireDHT struct {
	IPv6     wireBool `json:"ipv6"`
	ID       string   `json:"id"`
	Good     wireInt  `json:"good"`
	Nodes    wireInt  `json:"nodes"`
	Online   wireBool `json:"online"`
	External string   `json:"external"`
}

type wireReach struct {
	Mapped   wireBool `json:"mapped"`
	Method   string   `json:"method"`
	External string   `json:"external"`
	Incoming wireBool `json:"incoming"`
}

func (w wireSum) sum() status.Sum {
	return status.Sum{Down: int64(w.Down), Up: int64(w.Up), Added: w.Added.int(), Starts: w.Starts.int(), Active: w.Active.times(time.Second)}
}

// Stats implements status.Engine. Of Transmission it has rates, sums and torrents.
func (c *Client) Stats(ctx context.Context) (status.Stats, error) {
	var w wireStats
	if err := c.ask(ctx, "session-stats", nil, &w); err != nil {
		return status.Stats{}, err
	}
	return w.stats(), nil
}

// stats leaves out addresses that are none.
func (w *wireStats) stats() status.Stats {
	s := status.Stats{Down: int64(w.Down), Up: int64(w.Up), DownTotal: int64(w.Current.Down), UpTotal: int64(w.Current.Up), Torrents: w.Count.int(),
		DHTEvery: w.DHTEvery.times(time.Second), Peers: w.Peers.int(), PieceMemory: int64(w.PieceMemory), Reach: status.Reach{Mapped: bool(w.Reach.Mapped), Method: w.Reach.Method, Incoming: bool(w.Reach.Incoming)}}
	s.External, _ = netip.ParseAddr(w.External)
	s.Reach.External, _ = netip.ParseAddrPort(w.Reach.External)
	for _, a := range w.Listen {
		if p, err := netip.ParseAddrPort(a); err == nil {
			s.Listen = append(s.Listen, p)
		}
	}
	for _, n := range w.DHT {
		d := status.DHT{IPv6: bool(n.IPv6), Good: n.Good.int(), Nodes: n.Nodes.int(), Online: bool(n.Online)}
		d.External, _ = netip.ParseAddr(n.External)
		if id, err := metainfo.ParseID(n.ID); err == nil {
			d.ID = id.V1
		}
		s.DHT = append(s.DHT, d)
	}
	return s
}

// Totals implements status.Engine.
func (c *Client) Totals(ctx context.Context) (status.Totals, error) {
	var w wireStats
	if err := c.ask(ctx, "session-stats", nil, &w); err != nil {
		return status.Totals{}, err
	}
	return status.Totals{Now: w.Current.sum(), Ever: w.Ever.sum(), Running: w.Active.int(), Stopped: w.Paused.int()}, nil
}

// Rates implements status.Engine, and answers ErrNotOffered in front of Transmission, which keeps no such thing.
func (c *Client) Rates(ctx context.Context, id metainfo.ID) ([]status.Rate, time.Duration, error) {
	d, err := c.daemon(ctx)
	if err == nil {
		err = d.needs(0, "the history of rates")
	}
	if err != nil {
		return nil, 0, err
	}
	var args any
	if id != (metainfo.ID{}) {
		args = map[string]any{"ids": id.String()}
	}
	var w struct {
		Step     wireInt   `json:"step"`
		Down, Up []wireInt // of one length
	}
	if err := c.ask(ctx, "shoal_rates", args, &w); err != nil {
		return nil, 0, err
	}
	list := make([]status.Rate, min(len(w.Down), len(w.Up)))
	for i := range list {
		list[i] = status.Rate{Down: int64(w.Down[i]), Up: int64(w.Up[i])}
	}
	return list, w.Step.times(time.Second), nil
}

// Space implements status.Engine. Transmission before 4.0 does not tell the total: it is 0 then.
func (c *Client) Space(ctx context.Context, dir string) (free, total int64, err error) {
	var w struct {
		Free  wireInt `json:"size-bytes"`
		Total wireInt `json:"total_size"`
	}
	if err := c.ask(ctx, "free-space", map[string]any{"path": dir}, &w); err != nil {
		return 0, 0, err
	}
	if w.Free < 0 {
		return 0, 0, fmt.Errorf("%s: the daemon cannot tell how much space there is: no such folder on its machine", dir)
	}
	return int64(w.Free), int64(max(0, w.Total)), nil
}

// UpdateBlocklist implements status.Engine.
func (c *Client) UpdateBlocklist(ctx context.Context) (int, error) {
	var w struct {
		Rules wireInt `json:"blocklist-size"`
	}
	err := c.call(ctx, "blocklist-update", nil, &w)
	return w.Rules.int(), err
}

// Log implements status.Engine.
func (c *Client) Log(ctx context.Context, after int64) ([]status.LogLine, error) {
	d, err := c.daemon(ctx)
	if err == nil {
		err = d.needs(0, "the log")
	}
	if err != nil {
		return nil, err
	}
	var w struct {
		Lines []struct {
			Serial wireInt `json:"serial"`
			Time   wireInt `json:"time"`
			Level  string  `json:"level"`
			Hash   string  `json:"hash"`
			Text   string  `json:"text"`
		} `json:"lines"`
	}
	if err := c.ask(ctx, "shoal_log", map[string]any{"after": after}, &w); err != nil {
		return nil, err
	}
	list := make([]status.LogLine, len(w.Lines))
	for i, l := range w.Lines {
		list[i] = status.LogLine{Serial: int64(l.Serial), Time: l.Time.milli(), Level: l.Level, Text: l.Text}
		if id, err := metainfo.ParseID(l.Hash); err == nil {
			list[i].Torrent = id
		}
	}
	return list, nil
}

// Shutdown implements status.Engine.
func (c *Client) Shutdown(ctx context.Context) error { return c.call(ctx, "session-close", nil, nil) }
