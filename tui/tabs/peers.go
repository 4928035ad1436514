package tabs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"shoal/internal/text"
	"shoal/status"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// peersTab is the connected peers, those that move most first. The cursor stays with its peer.
type peersTab struct {
	list
	told   []status.Peer // as it was last handed in, to notice a change
	sorted []int32       // indices in told
	at     netip.AddrPort
}

func (*peersTab) Name() string      { return "Peers" }
func (*peersTab) Where() keys.Where { return keys.Peers }

func (*peersTab) Title(d *Data) string { return titled("Peers", d.Entry.Peers) }

func (t *peersTab) Handle(a keys.Action, d *Data) Do {
	t.update(d.Peers)
	if t.move(a, len(t.sorted)) && len(t.sorted) > 0 {
		t.at = t.told[t.sorted[t.cursor]].Addr
	}
	return nil
}

// update sorts what is new, and puts the cursor on the peer that it was on.
func (t *peersTab) update(peers []status.Peer) {
	if len(t.told) == len(peers) && (len(peers) == 0 || &t.told[0] == &peers[0]) {
		return
	}
	t.told, t.sorted = peers, t.sorted[:0]
	for i := range peers {
		t.sorted = append(t.sorted, int32(i))
	}
	slices.SortFunc(t.sorted, func(a, b int32) int {
		p, q := &peers[a], &peers[b]
		return cmp.Or(cmp.Compare(q.Down, p.Down), cmp.Compare(q.Up, p.Up), p.Addr.Compare(q.Addr), cmp.Compare(a, b))
	})
	if t.at.IsValid() {
		if i := slices.IndexFunc(t.sorted, func(i int32) bool { return peers[i].Addr == t.at }); i >= 0 {
			t.cursor = i
		}
	}
	t.clamp(len(t.sorted))
}

var peerColumns = []draw.Column{
	{Width: 1},
	{Title: "ADDRESS", Width: 15, Flex: 1, Max: 47, Join: true},
	{Title: "CLIENT", Width: 10, Flex: 2, Max: 40, Rank: 3},
	{Title: "FLAGS", Width: 6, Rank: 4},
	{Title: "HAS", Width: 4, Align: draw.Right, Rank: 2},
	{Title: "PROGRESS", Width: 12, Rank: 9},
	{Title: "DOWN", Width: 8, Align: draw.Right},
	{Title: "UP", Width: 8, Align: draw.Right, Rank: 1},
	{Title: "RECEIVED", Width: 8, Align: draw.Right, Rank: 7},
	{Title: "SENT", Width: 7, Align: draw.Right, Rank: 8},
	{Title: "QUEUE", Width: 5, Align: draw.Right, Rank: 6},
	{Title: "VIA", Width: 8, Rank: 5},
}

func (t *peersTab) View(s draw.Style, d *Data, w, h int) []string {
	t.update(d.Peers)
	return framed(s, d, w, h, func(h int) []string {
		n := len(t.sorted)
		if n == 0 {
			return note(s, nobody(d), w)
		}
		t.see(n, max(h-1, 1))
		if h == 1 {
			return s.Table(headless(peerColumns), t.rowOf(s), t.top, n, w, h)
		}
		return s.Table(peerColumns, t.rowOf(s), t.top, n, w, h)
	})
}

// nobody says that no peers are there, and what is being done about it.
func nobody(d *Data) string {
	e := &d.Entry
	switch {
	case e.Peers > 0:
		return "The peers are asked for."
	case e.Dialing > 0 || e.Candidates > 0:
		return fmt.Sprintf("No peer is connected; %d known, %d being dialled.", e.Candidates, e.Dialing)
	}
	return "No peer is connected."
}

func (t *peersTab) rowOf(s draw.Style) func(i int) draw.Row {
	cells := make([]draw.Cell, len(peerColumns))
	return func(i int) draw.Row {
		p := &t.told[t.sorted[i]]
		cells = append(cells[:0],
			draw.Cell{},
			draw.Cell{Text: p.Addr.String()},
			draw.Cell{Text: p.Client},
			draw.Cell{Text: Flags(p), Role: theme.Key},
			draw.Cell{Text: percent(p.Have)},
			draw.Cell{Bar: true, Share: p.Have, Role: theme.Accent},
			draw.Cell{Text: rate(s, p.Down), Role: theme.Down},
			draw.Cell{Text: rate(s, p.Up), Role: theme.Up},
			draw.Cell{Text: amount(s, p.DownTotal)},
			draw.Cell{Text: amount(s, p.UpTotal)},
			draw.Cell{Text: number(s, p.Queue)},
			draw.Cell{Text: p.Source})
		r := draw.Row{Cells: cells}
		if i == t.cursor {
			cells[0].Text, r.Role = s.Cursor, theme.Selected
		}
		return r
	}
}

// rate, amount and number are figures of which none is not worth a zero.
func rate(s draw.Style, n int64) string {
	if n <= 0 {
		return s.None
	}
	return text.Rate(n)
}

func amount(s draw.Style, n int64) string {
	if n <= 0 {
		return s.None
	}
	return text.Size(n)
}

func number(s draw.Style, n int) string {
	if n <= 0 {
		return s.None
	}
	return text.Short(n)
}
