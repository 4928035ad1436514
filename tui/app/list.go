package app

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"shoal/internal/filter"
	"shoal/internal/text"
	"shoal/metainfo"
	"shoal/status"
)

// row is one torrent of the list. Its entry is replaced, never changed.
type row struct {
	e      *status.Entry
	key    string // the name in small letters, for sorting
	marked bool
	unread bool // an error came up that nobody has looked at yet
}

// The filters by state, as the keys 1 to 5 choose them.
const (
	tabAll = iota
	tabDown
	tabSeed
	tabStop
	tabError
	numTabs
)

var tabNames = [numTabs]string{"All", "Down", "Seed", "Stop", "Error"}

// tabOf is the one of the tabs behind All to which a torrent belongs.
func tabOf(r *row) int {
	e := r.e
	switch {
	case e.Phase == status.Failed || r.unread:
		return tabError
	case e.Stopped || e.Phase == status.Paused && !e.Waiting:
		return tabStop
	case e.Complete():
		return tabSeed
	}
	return tabDown
}

// list is all torrents and which of them are shown, in which order. Selection and marks follow torrents, not rows.
type list struct {
	rows   map[metainfo.ID]*row
	number map[int]metainfo.ID
	hidden map[metainfo.ID]bool // those that are as good as removed
	shown  []*row
	counts [numTabs]int

	tab     int
	query   string // what was typed as a filter
	chosen  func(*status.Entry) bool
	sort    int // index in sorts
	reverse bool

	cur    metainfo.ID // the selected torrent
	at     int         // its row in shown
	anchor metainfo.ID // the torrent that was marked last
}

func newList() *list {
	return &list{rows: map[metainfo.ID]*row{}, number: map[int]metainfo.ID{}, hidden: map[metainfo.ID]bool{}, sort: sortAdded}
}

// sortKey is one order of the list.
type sortKey struct {
	name string
	down bool // the larger ones first, where nothing else is said
	cmp  func(a, b *row) int
}

const sortAdded = 0

var sorts = []sortKey{
	{"added", true, func(a, b *row) int { return a.e.Added.Compare(b.e.Added) }},
	{"name", false, func(a, b *row) int { return cmp.Compare(a.key, b.key) }},
	{"size", true, func(a, b *row) int { return cmp.Compare(a.e.Wanted, b.e.Wanted) }},
	{"done", true, func(a, b *row) int { return cmp.Compare(doneOf(a.e), doneOf(b.e)) }},
	{"down", true, func(a, b *row) int { return cmp.Compare(a.e.Down, b.e.Down) }},
	{"up", true, func(a, b *row) int { return cmp.Compare(a.e.Up, b.e.Up) }},
	{"eta", false, func(a, b *row) int { return cmp.Compare(etaRank(a.e), etaRank(b.e)) }},
	{"ratio", true, func(a, b *row) int { return cmp.Compare(a.e.ShareRatio(), b.e.ShareRatio()) }},
	{"peers", true, func(a, b *row) int { return cmp.Compare(a.e.Peers, b.e.Peers) }},
	{"state", false, func(a, b *row) int { return cmp.Compare(tabOf(a), tabOf(b)) }},
	{"queue", false, func(a, b *row) int { return cmp.Compare(a.e.QueuePosition, b.e.QueuePosition) }},
}

// sortBy chooses an order by its name, the smaller ones first, or the larger ones with "-" before it, as shoal list --sort has it; what is
// unknown changes nothing.
func (l *list) sortBy(name string) {
	name, down := strings.CutPrefix(name, "-")
	if i := slices.IndexFunc(sorts, func(k sortKey) bool { return k.name == name }); i >= 0 {
		l.sort, l.reverse = i, down != sorts[i].down
		l.arrange()
	}
}

// usual chooses an order, the way round that is usual for it.
func (l *list) usual(i int) {
	l.sort, l.reverse = i, false
	l.arrange()
}

// etaRank puts what is done last and what is unknown before it.
func etaRank(e *status.Entry) time.Duration {
	switch {
	case e.Complete():
		return 1<<63 - 1
	case e.ETA < 0 || e.Stopped:
		return 1<<63 - 2
	}
	return e.ETA
}

// doneOf is the share of what is wanted, or of the check that is under way, 0 to 1.
func doneOf(e *status.Entry) float64 {
	switch {
	case e.Phase == status.Checking:
		return min(1, max(0, e.Checked))
	case e.Complete():
		return 1
	case e.Wanted <= 0:
		return 0
	}
	return min(1, max(0, float64(e.Have)/float64(e.Wanted)))
}

// take lets the list know what changed; with whole it is everything that there is.
func (l *list) take(changed []status.Entry, gone []int, whole bool) {
	if whole {
		old := l.rows
		l.rows, l.number = make(map[metainfo.ID]*row, len(changed)), make(map[int]metainfo.ID, len(changed))
		for i := range changed {
			if r := old[changed[i].ID]; r != nil {
				l.rows[changed[i].ID] = r
			}
		}
	}
	for _, n := range gone {
		id, known := l.number[n]
		// A torrent that was brought back has another number by now.
		if r := l.rows[id]; known && r != nil && r.e.Number == n {
			delete(l.rows, id)
		}
		delete(l.number, n)
	}
	for i := range changed {
		l.put(&changed[i])
	}
	l.arrange()
}

func (l *list) put(e *status.Entry) {
	r := l.rows[e.ID]
	if r == nil {
		r = &row{}
		l.rows[e.ID] = r
	}
	if r.e == nil || r.e.Name != e.Name {
		r.key = strings.ToLower(text.Clean(e.Name, maxKey))
	}
	if e.Phase == status.Failed && (r.e == nil || r.e.Phase != status.Failed) {
		r.unread = true
	}
	r.e = e
	l.number[e.Number] = e.ID
}

// maxKey is how many cells of a name count in sorting.
const maxKey = 200

// arrange works out anew what is shown: after a change of the torrents, the filter, the tab or the order.
func (l *list) arrange() {
	l.counts = [numTabs]int{}
	l.shown = l.shown[:0]
	for id := range l.hidden {
		if l.rows[id] == nil {
			delete(l.hidden, id)
		}
	}
	for _, r := range l.rows {
		if l.hidden[r.e.ID] {
			continue
		}
		tab := tabOf(r)
		l.counts[tabAll]++
		l.counts[tab]++
		if l.tab != tabAll && l.tab != tab || l.chosen != nil && !l.chosen(r.e) {
			continue
		}
		l.shown = append(l.shown, r)
	}
	key := sorts[l.sort]
	turn := 1
	if key.down != l.reverse {
		turn = -1
	}
	slices.SortFunc(l.shown, func(a, b *row) int {
		if c := key.cmp(a, b); c != 0 {
			return c * turn
		}
		return cmp.Compare(a.e.Number, b.e.Number)
	})
	l.follow()
}

// follow finds the row of the selected torrent; where it is shown no more, the one in its place is selected.
func (l *list) follow() {
	if i := slices.IndexFunc(l.shown, func(r *row) bool { return r.e.ID == l.cur }); i >= 0 {
		l.at = i
		return
	}
	l.selectRow(l.at)
}

// selectRow selects a row by its place, the nearest one there is.
func (l *list) selectRow(i int) {
	if len(l.shown) == 0 {
		l.at, l.cur = 0, metainfo.ID{}
		return
	}
	l.at = min(max(i, 0), len(l.shown)-1)
	l.cur = l.shown[l.at].e.ID
}

// selected is the selected row, nil for none.
func (l *list) selected() *row {
	if l.at < len(l.shown) && l.shown[l.at].e.ID == l.cur {
		return l.shown[l.at]
	}
	return nil
}

// targets are the marked torrents that are shown, else the selected one, in the order of the screen.
func (l *list) targets() (all []*status.Entry) {
	for _, r := range l.shown {
		if r.marked {
			all = append(all, r.e)
		}
	}
	if r := l.selected(); len(all) == 0 && r != nil {
		all = append(all, r.e)
	}
	return all
}

// marked is how many torrents are marked, and how many of them are shown.
func (l *list) marked() (all, seen int) {
	for _, r := range l.rows {
		if r.marked {
			all++
		}
	}
	for _, r := range l.shown {
		if r.marked {
			seen++
		}
	}
	return all, seen
}

// mark turns the mark of the selected torrent and goes on to the next.
func (l *list) mark() {
	if r := l.selected(); r != nil {
		r.marked = !r.marked
		l.anchor = r.e.ID
		l.selectRow(l.at + 1)
	}
}

// markRange marks all from the torrent that was marked last to the selected one; where none is, the selected one alone.
func (l *list) markRange() {
	r := l.selected()
	if r == nil {
		return
	}
	i := slices.IndexFunc(l.shown, func(r *row) bool { return r.e.ID == l.anchor && r.marked })
	if i < 0 {
		i = l.at
	}
	for _, r := range l.shown[min(i, l.at) : max(i, l.at)+1] {
		r.marked = true
	}
	l.anchor = r.e.ID
}

// invert turns the marks of all that are shown.
func (l *list) invert() {
	for _, r := range l.shown {
		r.marked = !r.marked
	}
}

// unmark takes all marks away and reports whether there were any.
func (l *list) unmark() (any bool) {
	for _, r := range l.rows {
		any = any || r.marked
		r.marked = false
	}
	return any
}

// matcher returns what a query chooses, nil for everything: an expression of the language of --filter, or else all names that have the text in
// them, and then what is wrong with it as an expression.
func matcher(query string) (match func(*status.Entry) bool, bad error) {
	query = strings.TrimSpace(query)
	if query == "" {
		return nil, nil
	}
	f, err := filter.Parse(query)
	if err == nil {
		return f.Match, nil
	}
	word := strings.ToLower(query)
	return func(e *status.Entry) bool { return strings.Contains(strings.ToLower(e.Name), word) }, err
}

// filterBy shows what a query chooses. It returns what is wrong with text that looks like an expression, nil else.
func (l *list) filterBy(query string) (bad error) {
	l.query = query
	l.chosen, bad = matcher(query)
	l.arrange()
	return bad
}

// find selects the next torrent, in the direction of step, that a query chooses, and reports whether there is one.
func (l *list) find(query string, step int) bool {
	match, _ := matcher(query)
	n := len(l.shown)
	for i := 1; i <= n; i++ {
		at := ((l.at+step*i)%n + n) % n
		if match == nil || match(l.shown[at].e) {
			l.selectRow(at)
			return true
		}
	}
	return false
}
