package tabs

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// overview is how a torrent is, and why. What there is no room for, the least important first, is left out.
type overview struct{}

func (*overview) Name() string                 { return "Overview" }
func (*overview) Title(*Data) string           { return "Overview" }
func (*overview) Where() keys.Where            { return keys.Details }
func (*overview) Handle(keys.Action, *Data) Do { return nil }

// section is a part of the overview. It has between least and most lines; those of the lowest rank come first when room is dealt.
type section struct {
	label       string
	rank        int
	least, most int
	draw        func(w, h int) []string // at most h lines of at most w cells
}

// labelWidth is the room for a section's label, where there is any.
const labelWidth = 9

func (*overview) View(s draw.Style, d *Data, w, h int) []string {
	return framed(s, d, w, h, func(h int) []string {
		width, labels := w-1, w >= 50
		if labels {
			width -= labelWidth
		}
		all := sections(s, d, width, h)
		room := deal(all, h)
		var lines []string
		for i, sec := range all {
			if room[i] == 0 {
				continue
			}
			body := s.Lines(sec.draw(width, room[i]), width, room[i])
			for k, l := range body {
				lead := " "
				if labels {
					lead += strings.Repeat(" ", labelWidth)
					if k == 0 {
						lead = " " + s.Paint(theme.Head, s.Fit(sec.label, labelWidth, draw.Left))
					}
				}
				lines = append(lines, lead+l)
			}
		}
		return lines
	})
}

// deal gives each section its lines, 0 for those that there is no room for.
func deal(all []section, h int) []int {
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return all[a].rank - all[b].rank })
	room := make([]int, len(all))
	for _, i := range order {
		if all[i].least <= h {
			room[i] = all[i].least
			h -= room[i]
		}
	}
	for _, i := range order {
		if room[i] > 0 {
			more := min(max(all[i].most-room[i], 0), h)
			room[i] += more
			h -= more
		}
	}
	return room
}

// sections are the parts of the overview in their order, those that there is something to say in.
func sections(s draw.Style, d *Data, w, h int) []section {
	e := &d.Entry
	list := []section{{"state", 0, 1, 1, func(w, _ int) []string { return []string{stateLine(s, e, w)} }}}
	if r := reason(d); r.Say != "" {
		n := min(len(draw.Wrap(r.String(), w)), 6)
		list = append(list, section{"why", 1, min(n, max(1, h/3)), n, func(w, h int) []string {
			lines := draw.Wrap(r.String(), w)
			if len(lines) > h {
				lines[h-1] = s.Cut(strings.Join(lines[h-1:], " "), w)
			}
			return paint(s, reasonRole(e, r), lines[:min(len(lines), h)], "")
		}})
		if n := len(r.Shares); n > 0 {
			list = append(list, section{"last min", 4, 1, n, func(w, h int) []string { return shareLines(s, r.Shares, w, h) }})
		}
	}
	list = append(list,
		section{"hash", 5, 1, 1, func(w, _ int) []string { return []string{s.Cut(hashes(e), w)} }},
		section{"folder", 6, 1, 1, func(w, _ int) []string { return []string{s.Cut(e.Dir, w)} }})
	facts := factsOf(s, d)
	list = append(list, section{"facts", 7, 1, (len(facts) + columns(w) - 1) / columns(w), func(w, h int) []string { return factLines(s, facts, w, h) }})
	if d.Details != nil && d.Details.Have.Len() > 0 {
		list = append(list, section{"pieces", 2, 1, 1 + min(max(h/8, 1), 5), func(w, h int) []string { return pieceLines(s, d, w, h) }})
		if len(d.Details.Availability) > 0 && !e.Complete() {
			list = append(list, section{"avail", 3, 1, 2, func(w, h int) []string { return availLines(s, d, w, h) }})
		}
	}
	if len(d.Rates) > 0 {
		list = append(list, section{"rates", 8, 2, 10, func(w, h int) []string { return Rates(s, status.Rate{Down: e.Down, Up: e.Up}, d.Rates, rateStep, w, h) }})
	}
	return list
}

// reason is why the torrent is as fast as it is. A daemon of another kind does not tell enough of one that runs.
func reason(d *Data) tui.Reason {
	switch d.Entry.State() {
	case "metadata", "seeding", "partial", "downloading":
		if d.Limited {
			return tui.Reason{}
		}
	}
	return tui.Why(&d.Entry, tui.Around{Trackers: d.Trackers, DHT: d.DHT, Limit: d.Limit})
}

func reasonRole(e *status.Entry, r tui.Reason) theme.Role {
	switch {
	case e.Phase == status.Failed:
		return theme.Bad
	case len(r.Shares) > 0 && r.Cause != status.Running:
		return theme.Warn
	}
	return theme.Text
}

// stateLine is the torrent in a line: what it does, how much is here, how fast, with whom, how long still. It begins with the glyph of its
// state; what has no room is left out from the right.
func stateLine(s draw.Style, e *status.Entry, w int) string {
	g, role := StateGlyph(s, e)
	sh := tui.Share(&e.Torrent)
	parts := []string{g + " " + e.State()}
	if e.Pieces > 0 {
		parts = append(parts, percent(sh))
	}
	parts = append(parts, s.Down+" "+rate(s, e.Down)+" "+s.Up+" "+rate(s, e.Up))
	if e.Wanted > 0 {
		parts = append(parts, text.Size(e.Have)+" of "+text.Size(e.Wanted))
	}
	if e.ETA >= 0 && e.Phase == status.Leeching {
		parts = append(parts, text.Duration(e.ETA)+" left")
	}
	parts = append(parts, text.Count(e.Peers, "peer")+" ("+text.Count(e.Seeds, "seed")+")")
	line := parts[0]
	for _, p := range parts[1:] {
		if draw.Width(line)+2+draw.Width(p) > w {
			break
		}
		line += "  " + p
	}
	return s.Paint(role, s.Cut(line, w))
}

// StateGlyph is the character of a torrent's state, and its colour. It says what moves, which is not always what the state is called after.
func StateGlyph(s draw.Style, e *status.Entry) (string, theme.Role) {
	switch e.State() {
	case "error":
		return s.Error, theme.Bad
	case "checking", "opening", "moving":
		return s.Check, theme.Warn
	case "stopped":
		return s.Stopped, theme.Dim
	case "waiting":
		return s.Queued, theme.Dim
	case "metadata":
		return s.Wait, theme.Warn
	}
	switch {
	case e.Down > 0 && !e.Complete():
		return s.Glyphs.Down, theme.Down
	case e.Up > 0:
		return s.Glyphs.Up, theme.Up
	}
	return s.Idle, theme.Text
}

// shareLines are the shares of the last minute, one a line with a bar, or all in one where there is no room.
func shareLines(s draw.Style, shares []tui.Part, w, h int) []string {
	percents := tui.Percents(shares)
	if h < len(shares) || w < 36 {
		words := make([]string, len(shares))
		for i, p := range shares {
			words[i] = fmt.Sprintf("%s %d %%", p.Name, percents[i])
		}
		return []string{s.Cut(strings.Join(words, ", "), w)}
	}
	out := make([]string, len(shares))
	for i, p := range shares {
		out[i] = s.Fit(p.Name, 14, draw.Left) + " " + s.Bar(p.Share, min(w-22, 40)) + fmt.Sprintf(" %3d %%", percents[i])
	}
	return out
}

func hashes(e *status.Entry) string {
	if e.ID.HasV1() && e.ID.HasV2() {
		return e.ID.V1.String() + " and " + e.ID.V2.String()
	}
	return e.ID.String()
}

// pieceLines are the map of pieces and how many are here.
func pieceLines(s draw.Style, d *Data, w, h int) []string {
	have := &d.Details.Have
	said := fmt.Sprintf("%d of %d, %s each", have.Count(), have.Len(), text.SizeBinary(int64(d.Entry.PieceLength)))
	if !d.Limited { // another program does not tell
		said += ", " + failed(d.Entry.FailedPieces)
	}
	if h < 2 {
		side := fmt.Sprintf(" %d of %d", have.Count(), have.Len())
		if len(side)+8 > w {
			side = ""
		}
		return []string{s.Pieces(have.Has, nil, have.Len(), w-len(side), 1)[0] + side}
	}
	return append([]string{s.Cut(said, w)}, s.Pieces(have.Has, nil, have.Len(), w, h-1)...)
}

func failed(n int) string { return text.Count(n, "failed its hash", "failed their hash") }

// availLines are how many have each piece: the connected peers, and we. A daemon does not tell of a piece that is here how many others have it, so the
// words are about those that are missing.
func availLines(s draw.Style, d *Data, w, h int) []string {
	counts := slices.Clone(d.Details.Availability)
	rarest, nobody := math.MaxInt, 0
	for i, n := range counts {
		switch {
		case d.Details.Have.Has(i):
			counts[i] = max(n, n+1)
			continue
		case n == 0:
			nobody++
		}
		rarest = min(rarest, int(n))
	}
	said := "the rarest missing piece is held by " + text.Count(rarest, "peer")
	switch {
	case rarest == math.MaxInt:
		said = "nothing is missing"
	case nobody > 0:
		said = text.Count(nobody, "missing piece is", "missing pieces are") + " held by nobody"
	}
	if h < 2 {
		return []string{s.Cut(said, w)}
	}
	return []string{s.Cut(said, w), s.Availability(counts, w)}
}
