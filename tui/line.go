package tui

import (
	"fmt"
	"math"
	"strings"

	"shoal/internal/text"
	"shoal/status"
)

// Style says what a terminal can show.
type Style struct {
	Color bool // the 16 colours of every terminal; nothing depends on them
	ASCII bool // no characters beyond ASCII in what we draw ourselves
	Ends  bool // whoever has everything is done, and not a seed that people watch
}

// Sizes of the parts of a line, in cells. The bar takes a fifth of the line, the
// fields what they need at most, so that nothing jumps while numbers grow.
const (
	narrow   = 60 // below this only name, share and rate are shown
	minBar   = 8
	maxBar   = 24
	minName  = 8
	maxName  = 40
	barEdges = 2
)

// part is one field of a line, most important first when room is short.
type part struct {
	text string
	rank int // 0 stays longest
}

// column is the width that the names of these torrents are given.
func column(ts []status.Torrent) int {
	n := 0
	for i := range ts {
		n = max(n, text.Width(text.Clean(ts[i].Name, maxName)))
	}
	return n
}

// line draws one torrent in at most width cells, its name in column.
func line(t *status.Torrent, width, column int, st Style) string {
	name := text.Clean(t.Name, column)
	switch {
	case t.Phase == status.Leeching, t.Phase == status.Partial, t.Phase == status.Checking, st.Ends && atRest(t):
		return strings.TrimRight(transferLine(t, name, width, column, st), " ")
	}
	name = pad(text.Truncate(name, max(minName, width-10)), min(column, max(minName, width-10)))
	return text.Truncate(name+"  "+join(words(t, st), width-text.Width(name)-2), width)
}

// atRest reports whether everything that is wanted is there, for whoever does not care what is sent.
func atRest(t *status.Torrent) bool {
	known := t.PieceLength > 0 // else its info dictionary is still missing
	return t.Phase == status.Seeding || t.Phase == status.Partial || t.Phase == status.Paused && known && t.Have == t.Wanted
}

// searching says how far a magnet link is.
func searching(t *status.Torrent) []string {
	words := []string{"looking for metadata", text.Count(t.Asked, "peer") + " asked"}
	if t.Metadata > 0 {
		words = append(words, fmt.Sprintf("%d of %s", t.MetadataHave, text.Count(t.Metadata, "piece")))
	}
	return words
}

// givenUp reports whether a torrent that should have come to its end was stopped on the way.
func givenUp(t *status.Torrent, ends bool) bool {
	return ends && t.Phase == status.Paused && !atRest(t)
}

// words is what there is to say about a torrent that has no share.
func words(t *status.Torrent, st Style) []part {
	switch {
	case givenUp(t, st.Ends):
		return []part{{"given up", 0}}
	case t.Phase == status.Metadata:
		return []part{{strings.Join(searching(t), ", "), 0}}
	case t.Phase == status.Failed:
		return []part{{"failed: " + text.Clean(t.Err, 0), 0}}
	case t.Phase == status.Seeding:
		return []part{{t.Phase.String(), 0}, {st.up(t.Up), 1}, {text.Count(t.Peers, "peer"), 2}, {text.Size(t.UpTotal) + " sent", 3}, {"ratio " + ratio(t), 4}}
	}
	return []part{{t.Phase.String(), 0}}
}

// transferLine draws a torrent that has a share: name, percent, bar, fields.
func transferLine(t *status.Torrent, name string, width, column int, st Style) string {
	share := Share(t)
	percent := fmt.Sprintf("%3d%%", int(math.Floor(share*100)))
	if width < narrow {
		rate := text.Rate(t.Down)
		if t.Phase != status.Leeching && t.Phase != status.Partial {
			rate = strings.TrimSpace(fields(t, st)[0].text)
		}
		room := width - len(percent) - text.Width(rate) - 4
		if room < 1 {
			return text.Truncate(strings.TrimSpace(percent), width)
		}
		return pad(text.Truncate(name, room), min(room, column)) + "  " + percent + "  " + rate
	}
	// Fields go, the least important first, until the name has its least room.
	bar := min(max(width/5, minBar), maxBar)
	rest := 2 + len(percent) + bar + barEdges + 1
	tail := join(fields(t, st), width-rest-min(minName, column))
	room := min(column, width-rest-text.Width(tail))
	return pad(text.Truncate(name, room), room) + "  " + percent + st.bar(share, bar) + " " + tail
}

// fields lists what stands to the right of the bar, each as wide as it may become.
func fields(t *status.Torrent, st Style) []part {
	if t.Phase == status.Checking {
		return []part{{"checking", 0}, {text.Size(t.Size), 1}}
	}
	if st.Ends && atRest(t) {
		return []part{{pad(text.Size(t.Wanted), 10), 1}, {"done", 0}}
	}
	eta := text.Duration(t.ETA)
	return []part{{pad(pair(t.Have, t.Wanted), 10), 3}, {pad(text.Rate(t.Down), 8), 0}, {pad(st.up(t.Up), 10), 5},
		{pad(text.Count(t.Peers, "peer"), 8), 4}, {pad(eta, 6), 1}, {why(t), 2}}
}

// join puts as many parts in a row, two spaces apart, as fit: the highest ranks go first.
func join(parts []part, width int) string {
	for worst := 9; ; worst-- {
		var b strings.Builder
		for _, p := range parts {
			if p.rank <= worst && p.text != "" {
				if b.Len() > 0 {
					b.WriteString("  ")
				}
				b.WriteString(p.text)
			}
		}
		if worst == 0 {
			return text.Truncate(b.String(), width)
		}
		if text.Width(b.String()) <= width {
			return b.String()
		}
	}
}

// bar draws share (0 to 1) as a bar of cells plus its two edges. Without
// ASCII the last cell is drawn in eighths.
func (st Style) bar(share float64, cells int) string {
	share = min(max(share, 0), 1)
	if st.ASCII {
		full := int(share * float64(cells))
		return "[" + strings.Repeat("#", full) + strings.Repeat("-", cells-full) + "]"
	}
	eighths := int(share * float64(cells) * 8)
	full := eighths / 8
	s := strings.Repeat("█", full)
	if rest := eighths % 8; rest > 0 {
		s += string([]rune("▏▎▍▌▋▊▉")[rest-1])
		full++
	}
	if st.Color && s != "" {
		s = "\x1b[32m" + s + "\x1b[0m"
	}
	return "│" + s + strings.Repeat(" ", cells-full) + "│"
}

// up is a rate that goes out.
func (st Style) up(rate int64) string {
	if st.ASCII {
		return "^ " + text.Rate(rate)
	}
	return "▲ " + text.Rate(rate)
}

// Share returns how much of a torrent is here, 0 to 1: the checked share while
// it is being checked, else the verified bytes. It says 1 only when nothing is missing.
func Share(t *status.Torrent) float64 {
	switch {
	case t.Phase == status.Checking:
		return min(max(t.Checked, 0), 1)
	case t.Wanted <= 0:
		return 1
	}
	return min(float64(t.Have)/float64(t.Wanted), 1)
}

// ratio is what was sent for what was received or is there, like "0.25".
func ratio(t *status.Torrent) string {
	r := t.ShareRatio()
	if r < 0 || math.IsInf(r, 1) {
		return "-"
	}
	return fmt.Sprintf("%.2f", r)
}

// pair writes two sizes with one unit where they share it: "2.6/5.5 GB".
func pair(have, all int64) string {
	a, b := text.Size(have), text.Size(all)
	if number, unit, ok := strings.Cut(a, " "); ok && strings.HasSuffix(b, " "+unit) {
		return number + "/" + b
	}
	return a + "/" + b
}

func pad(s string, cells int) string {
	return s + strings.Repeat(" ", max(0, cells-text.Width(s)))
}
