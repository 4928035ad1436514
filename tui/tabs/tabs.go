// Package tabs owns the tabs of one torrent: overview, files, peers, trackers and log. A tab holds a cursor and what it derived from the last
// Data; it asks no engine and reads no clock. tui/app makes the tabs with New, hands each key that is meant for one to Handle and draws with View,
// all on the one goroutine of its Bubble Tea program; what Handle returns runs on any other goroutine.
package tabs

import (
	"context"
	"time"

	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// Data is what is known of a torrent. All but Entry may be missing; nothing is written to.
type Data struct {
	Entry    status.Entry
	Details  *status.Details
	Files    []status.File
	Peers    []status.Peer
	Trackers []status.Tracker
	Log      []status.LogLine // newest last; lines of other torrents are left out
	Rates    []status.Rate    // newest last, of 5 s each
	DHT      []status.DHT     // our nodes, none while they are not known or off
	Limit    int64            // on downloads, of the settings: tui.Around.Limit
	Err      error            // why the engine could not be asked
	Limited  bool             // the daemon is no shoal: what it cannot tell is left out
	Now      time.Time
}

// Do is what a key asks of the engine. It may be called once, by any goroutine.
type Do func(ctx context.Context, e status.Engine) error

// Tab is one tab. Handle takes an action and returns what it asks of the engine, nil for nothing. View returns h lines of w cells each, whatever
// w and h are; it remembers h, so that a page is what was seen.
type Tab interface {
	Name() string
	Title(d *Data) string // the name, with how many there are
	Where() keys.Where
	Handle(a keys.Action, d *Data) Do
	View(s draw.Style, d *Data, w, h int) []string
}

// New returns the tabs in their order, for one torrent: another one gets new ones.
func New() []Tab {
	return []Tab{&overview{}, &filesTab{}, &peersTab{}, &trackersTab{}, &logTab{}}
}

// framed draws what body returns, in exactly w by h cells, below the error if the engine could not be asked.
func framed(s draw.Style, d *Data, w, h int, body func(h int) []string) []string {
	h = max(h, 0)
	if d.Err == nil {
		return s.Lines(body(h), w, h)
	}
	lines := []string{s.Paint(theme.Bad, s.Cut(s.Error+" "+text.Mask(d.Err.Error()), w))}
	return s.Lines(append(lines, body(max(h-1, 0))...), w, h)
}

// note is a pane with nothing but a sentence.
func note(s draw.Style, sentence string, w int) []string {
	return paint(s, theme.Dim, draw.Wrap(sentence, w-1), " ")
}

// paint puts lines of clean text behind a prefix.
func paint(s draw.Style, r theme.Role, lines []string, prefix string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = prefix + s.Paint(r, l)
	}
	return out
}

// isOf reports whether a line of the log is about the torrent; either may lack one of the two hashes.
func isOf(line, torrent metainfo.ID) bool {
	if line.HasV1() && torrent.HasV1() {
		return line.V1 == torrent.V1
	}
	return line.HasV2() && line.V2 == torrent.V2
}
