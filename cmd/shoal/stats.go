package main

import (
	"context"

	"github.com/spf13/cobra"

	"shoal/internal/text"
	"shoal/rpc"
	"shoal/status"
)

// statsEvent is the JSON line of stats; sizes in bytes, rates in bytes a second, times in seconds.
type statsEvent struct {
	event
	Daemon     string   `json:"daemon"`
	Version    string   `json:"version"`
	Down       int64    `json:"down"`
	Up         int64    `json:"up"`
	Torrents   int      `json:"torrents"`
	Running    int      `json:"running"`
	Stopped    int      `json:"stopped"`
	Peers      int      `json:"peers"`
	Listen     []string `json:"listen,omitempty"`
	External   string   `json:"external,omitempty"`
	DHTEvery   float64  `json:"dht_every,omitempty"`
	Reachable  bool     `json:"reachable,omitempty"`
	Downloaded int64    `json:"downloaded"` // in this run, as the next
	Uploaded   int64    `json:"uploaded"`
	Active     float64  `json:"active"`
	DownEver   int64    `json:"downloaded_ever"`
	UpEver     int64    `json:"uploaded_ever"`
	Added      int      `json:"added_ever"`
	Starts     int      `json:"starts_ever"`
	ActiveEver float64  `json:"active_ever"`
	Free       int64    `json:"free,omitempty"`
}

func newStats(con *console) *cobra.Command {
	r := remote{con: con}
	return r.command(&cobra.Command{
		Use:   "stats",
		Short: "Show totals of a daemon",
		Long:  `Shows who answers, what it moves now, and what it has moved in this run and in all.`,
		Example: `  shoal stats
  shoal stats --json | jq .up`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.with(cmd.Context(), r.stats) },
	})
}

func (r *remote) stats(ctx context.Context, c *rpc.Client) error {
	s, err := c.Settings(ctx)
	if err != nil {
		return err
	}
	st, err := c.Stats(ctx)
	if err != nil {
		return err
	}
	sum, err := c.Totals(ctx)
	if err != nil {
		return err
	}
	free, _, err := c.Space(ctx, s.Dir)
	if err != nil {
		free = 0 // a folder that is not there yet is no failure of stats
	}
	ev := statsEvent{event: newEvent("stats"), Daemon: text.Clean(s.Kind, 40), Version: text.Clean(s.Version, 80), Down: st.Down, Up: st.Up, Torrents: st.Torrents,
		Running: sum.Running, Stopped: sum.Stopped, Peers: st.Peers, Reachable: st.Reach.Incoming, Downloaded: sum.Now.Down, Uploaded: sum.Now.Up,
		Active: sum.Now.Active.Seconds(), DownEver: sum.Ever.Down, UpEver: sum.Ever.Up, Added: sum.Ever.Added, Starts: sum.Ever.Starts, ActiveEver: sum.Ever.Active.Seconds(), Free: free,
		DHTEvery: st.DHTEvery.Seconds()}
	for _, a := range st.Listen {
		ev.Listen = append(ev.Listen, a.String())
	}
	if st.External.IsValid() {
		ev.External = st.External.String()
	}
	r.con.Event(ev)
	r.con.Result("daemon    %s %s at %s", ev.Daemon, ev.Version, c.Address())
	r.con.Result("rates     down %s, up %s", text.Rate(st.Down), text.Rate(st.Up))
	r.con.Result("torrents  %d, %d run, %d are stopped", st.Torrents, sum.Running, sum.Stopped)
	if len(st.Listen) > 0 {
		r.con.Result("peers     %d, at %s", st.Peers, addresses(st.Listen))
	}
	if st.DHTEvery > 0 {
		r.con.Result("DHT       each torrent is announced every %s", text.Duration(st.DHTEvery))
	}
	r.con.Result("this run  %s", sumWords(sum.Now))
	r.con.Result("in all    %s, %s", sumWords(sum.Ever), text.Count(sum.Ever.Starts, "start"))
	if free > 0 {
		r.con.Result("space     %s free in %s", text.Size(free), text.Clean(s.Dir, 0))
	}
	return nil
}

func sumWords(s status.Sum) string {
	return "down " + text.Size(s.Down) + ", up " + text.Size(s.Up) + " in " + text.Duration(s.Active)
}
