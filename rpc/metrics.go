package rpc

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
)

// maxSeries is how many torrents get figures of their own; of more there are sums alone.
const maxSeries = 50

// scrapeTime is how long the engine has for one scrape.
const scrapeTime = 5 * time.Second

// newMetrics serves the engine's figures and the process's own, in the registry of this server.
func newMetrics(engine Engine, version string) http.Handler {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector(), &collector{engine, version})
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 2})
}

// collector asks the engine at each scrape.
type collector struct {
	engine  Engine
	version string
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("shoal_"+name, help, labels, nil)
}

var (
	descInfo       = desc("info", "Always 1; the version of the daemon.", "version")
	descUp         = desc("up", "Whether the engine answered.")
	descReceived   = desc("received_bytes_total", "Payload received in all runs.")
	descSent       = desc("sent_bytes_total", "Payload sent in all runs.")
	descDown       = desc("receive_bytes_per_second", "Payload that comes in now.")
	descUpRate     = desc("send_bytes_per_second", "Payload that goes out now.")
	descPeers      = desc("peers", "Connections.")
	descTorrents   = desc("torrents", "Torrents by what they do.", "state")
	descNodes      = desc("dht_nodes", "Nodes of the DHT that answered lately.", "family")
	descEvery      = desc("dht_announce_interval_seconds", "Until each torrent was announced in the DHT once; 0 when none is.")
	descReachable  = desc("reachable", "Whether a peer has connected from outside.")
	descPieces     = desc("piece_memory_bytes", "Memory of open pieces.")
	descLost       = desc("wasted_bytes", "Payload received in vain, of the torrents in the list.")
	torrentLabels  = []string{"hash", "name"}
	descOneDown    = desc("torrent_received_bytes_total", "Payload received, of one torrent.", torrentLabels...)
	descOneUp      = desc("torrent_sent_bytes_total", "Payload sent, of one torrent.", torrentLabels...)
	descOneMissing = desc("torrent_missing_bytes", "What is wanted and not here, of one torrent.", torrentLabels...)
	descOnePeers   = desc("torrent_peers", "Connections, of one torrent.", torrentLabels...)
)

func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descInfo, descUp, descReceived, descSent, descDown, descUpRate, descPeers, descTorrents, descNodes, descEvery, descReachable,
		descPieces, descLost, descOneDown, descOneUp, descOneMissing, descOnePeers} {
		ch <- d
	}
}

func (c *collector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	gauge(descInfo, 1, c.version)
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	stats, err := c.engine.Stats(ctx)
	totals, err2 := c.engine.Totals(ctx)
	some, states, lost, err3 := c.torrents(ctx)
	if err != nil || err2 != nil || err3 != nil {
		gauge(descUp, 0)
		return
	}
	gauge(descUp, 1)
	counter(descReceived, totals.Ever.Down)
	counter(descSent, totals.Ever.Up)
	gauge(descDown, float64(stats.Down))
	gauge(descUpRate, float64(stats.Up))
	gauge(descPeers, float64(stats.Peers))
	gauge(descPieces, float64(stats.PieceMemory))
	gauge(descReachable, one(stats.Reach.Incoming))
	for family, good := range nodes(stats.DHT) {
		gauge(descNodes, float64(good), "ipv"+strconv.Itoa(family))
	}
	gauge(descEvery, stats.DHTEvery.Seconds())
	seen := map[metainfo.ID]bool{}
	for i := range some {
		e := &some[i]
		if seen[e.ID] {
			continue
		}
		seen[e.ID] = true
		labels := []string{e.ID.String(), text.Clean(e.Name, 200)}
		counter(descOneDown, e.DownTotal, labels...)
		counter(descOneUp, e.UpTotal, labels...)
		gauge(descOneMissing, float64(max(0, e.Wanted-e.Have)), labels...)
		gauge(descOnePeers, float64(e.Peers), labels...)
	}
	gauge(descLost, float64(lost))
	for state, n := range states {
		gauge(descTorrents, float64(n), state)
	}
}

// torrents returns the torrents, none if there are more than maxSeries, how many are in which state, and the bytes that all have lost.
func (c *collector) torrents(ctx context.Context) (some []status.Entry, states map[string]int, lost int64, err error) {
	states = map[string]int{"queued": 0}
	for p := status.Opening; p <= status.Failed; p++ {
		states[p.String()] = 0
	}
	n := 0
	err = eachEntry(ctx, c.engine, func(e *status.Entry) error {
		states[stateOf(e)]++
		lost += e.Wasted
		if n++; n <= maxSeries {
			some = append(some, *e)
		}
		return nil
	})
	if n > maxSeries {
		some = nil
	}
	return some, states, lost, err
}

// stateOf is a torrent's phase, or queued while others go first.
func stateOf(e *status.Entry) string {
	if e.Waiting {
		return "queued"
	}
	return e.Phase.String()
}

// nodes are the good nodes by family, 4 or 6.
func nodes(list []status.DHT) map[int]int {
	sum := map[int]int{}
	for _, d := range list {
		if d.IPv6 {
			sum[6] += d.Good
		} else {
			sum[4] += d.Good
		}
	}
	return sum
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
