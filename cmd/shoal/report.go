package main

import (
	"context"
	"io"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui"
)

// progressEvent is a JSON line about one torrent under way; sizes in bytes,
// rates in bytes a second, eta in seconds, -1 when unknown.
type progressEvent struct {
	event
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Phase      string  `json:"phase"`
	Size       int64   `json:"size"`
	Have       int64   `json:"have"`
	Checked    float64 `json:"checked,omitempty"`
	Down       int64   `json:"down"`
	Up         int64   `json:"up"`
	Downloaded int64   `json:"downloaded"`
	Uploaded   int64   `json:"uploaded"`
	Peers      int     `json:"peers"`
	Seeds      int     `json:"seeds"`
	ETA        int64   `json:"eta"`
	// While downloading: the main cause of the last minute, and the time of this run by causes.
	Cause string       `json:"cause,omitempty"`
	Spent *spentFields `json:"spent,omitempty"`
	Asked int          `json:"asked,omitempty"` // peers, for the metadata
	Error string       `json:"error,omitempty"`
}

// spentFields is where the time of a download went, in seconds.
type spentFields struct {
	Running     float64 `json:"running"`
	NoPeers     float64 `json:"no_peers"`
	Unreachable float64 `json:"unreachable"`
	Choked      float64 `json:"choked"`
	Limit       float64 `json:"limit"`
	Disk        float64 `json:"disk"`
	Window      float64 `json:"window"`
}

// spent is nil for a torrent that has not been downloading.
func spent(t *status.Torrent) *spentFields {
	all := &t.Time.All
	if all.Total() == 0 {
		return nil
	}
	of := func(c status.Cause) float64 { return all[c].Round(time.Millisecond).Seconds() }
	return &spentFields{Running: of(status.Running), NoPeers: of(status.NoPeers), Unreachable: of(status.Unreachable), Choked: of(status.Choked),
		Limit: of(status.Limited), Disk: of(status.DiskBound), Window: of(status.WindowBound)}
}

type fileEvent struct {
	event
	ID     string `json:"id"`
	Path   string `json:"path"`
	Length int64  `json:"length"`
}

type doneEvent struct {
	event
	ID         string  `json:"id"`
	Path       string  `json:"path"`
	Size       int64   `json:"size"`
	Downloaded int64   `json:"downloaded"`
	Uploaded   int64   `json:"uploaded"`
	Seconds    float64 `json:"seconds"`
	Ratio      float64 `json:"ratio"`
}

// watch shows progress in the way that was asked for; with ends a torrent that has everything is
// done. finish draws the last state, ends it and may be called twice.
func watch(con *console, how string, b status.Backend, ends bool) (finish func()) {
	con.answer(func() { con.tell(b, ends) })
	draw := progress(con, how, b, ends)
	return sync.OnceFunc(func() { con.answer(nil); draw() })
}

// tell says how far every torrent is, because somebody asked.
func (c *console) tell(b status.Backend, ends bool) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	ts, _ := b.Torrents(ctx) // an engine on its way out has nothing to say
	for i := range ts {
		if c.json {
			c.Event(progressOf(&ts[i]))
		} else {
			c.line(c.stderr, "shoal: "+tui.Words(&ts[i], ends))
		}
	}
}

// progress begins to show progress.
func progress(con *console, how string, b status.Backend, ends bool) (finish func()) {
	var run func(context.Context) error
	switch {
	case how == "json", how == "auto" && con.json:
		out := con.stderr
		if con.json {
			out = con.stdout
		}
		run = func(ctx context.Context) error { return jsonProgress(ctx, con, out, b) }
	case how == "none", how == "auto" && con.quiet, con.json:
		return func() {}
	case how == "auto" && isTerminal(con.stderr) && os.Getenv("TERM") != "dumb":
		style := con.style()
		style.Ends = ends
		live := tui.NewLive(b, con.stderr, style)
		con.drawing(live)
		run = func(ctx context.Context) error { defer con.drawing(nil); return live.Run(ctx) }
	default:
		run = tui.NewPlain(b, con.stderr, ends).Run
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Progress that cannot be shown, on a closed terminal say, must not end the download.
		_ = run(ctx)
	}()
	return func() { cancel(); <-ended }
}

// jsonProgress writes one line a torrent and second, and one at the end.
func jsonProgress(ctx context.Context, con *console, out io.Writer, b status.Backend) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		look, cancel := context.WithTimeout(context.Background(), time.Second)
		ts, err := b.Torrents(look)
		cancel()
		for i := range ts {
			if err == nil {
				con.progressEvent(out, &ts[i])
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// progressEvent prints a progress line, unless the torrent's end was told already.
func (c *console) progressEvent(out io.Writer, t *status.Torrent) {
	c.telling.Lock()
	defer c.telling.Unlock()
	if !c.ended[t.ID] {
		c.eventTo(out, progressOf(t))
	}
}

// end says that the end of a torrent is told next: no progress of it may follow.
func (c *console) end(id metainfo.ID) {
	c.telling.Lock()
	c.ended[id] = true
	c.telling.Unlock()
}

func progressOf(t *status.Torrent) progressEvent {
	eta := int64(-1)
	if t.ETA >= 0 {
		eta = int64(t.ETA / time.Second)
	}
	cause := ""
	if t.Phase == status.Leeching && t.Time.Minute.Total() > 0 {
		c, _ := t.Time.Minute.Main()
		cause = c.String()
	}
	return progressEvent{event: newEvent("progress"), ID: t.ID.String(), Name: text.Clean(t.Name, 0), Phase: t.Phase.String(),
		Size: t.Size, Have: t.Have, Checked: t.Checked, Down: t.Down, Up: t.Up, Downloaded: t.DownTotal, Uploaded: t.UpTotal,
		Peers: t.Peers, Seeds: t.Seeds, ETA: eta, Cause: cause, Spent: spent(t), Asked: t.Asked, Error: text.Clean(t.Err, 0)}
}

// place is the file or folder of this machine that holds a torrent below dir.
func place(dir string, info *metainfo.Info) string {
	for _, f := range info.Files() {
		if !f.Pad {
			top, _, _ := strings.Cut(path.Clean(f.Path), "/")
			return filepath.Join(dir, top)
		}
	}
	return dir
}

func joinPath(dir, slashed string) string { return filepath.Join(dir, filepath.FromSlash(slashed)) }

// addresses lists where peers can connect.
func addresses(as []netip.AddrPort) string {
	words := make([]string, len(as))
	for i, a := range as {
		words[i] = a.String()
	}
	return strings.Join(words, " and ")
}
