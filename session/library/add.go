package library

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"shoal/metainfo"
	"shoal/session"
	"shoal/session/hooks"
	"shoal/status"
)

// maxCookies bounds a header that goes out with a fetch, in bytes.
const maxCookies = 8 << 10

// source is what a NewTorrent names: a torrent, or a magnet link whose files peers must tell.
type source struct {
	torrent *metainfo.Torrent
	raw     []byte // of the .torrent
	magnet  *metainfo.Magnet
	path    string // of the file that it came from, "" for none
}

func (s *source) id() metainfo.ID {
	if s.magnet != nil {
		return s.magnet.ID
	}
	return s.torrent.ID
}

// trackers returns those that it names, by tier.
func (s *source) trackers() (out [][]string) {
	if s.magnet == nil {
		return s.torrent.Trackers
	}
	for _, u := range s.magnet.Trackers {
		out = append(out, []string{u})
	}
	return out
}

// peers returns those that it names.
func (s *source) peers() []string {
	if s.magnet == nil {
		return nil
	}
	return s.magnet.Peers
}

// resolve reads what a NewTorrent names. It may wait for the network.
func (l *Library) resolve(ctx context.Context, a *status.NewTorrent) (source, error) {
	switch {
	case (len(a.Metainfo) > 0) == (a.Source != ""):
		return source{}, errors.New("name either the bytes of a .torrent file or a source")
	case a.Metainfo != nil:
		return parseSource(a.Metainfo, metainfo.MaxTorrentFile)
	case metainfo.IsMagnet(a.Source):
		m, err := metainfo.ParseMagnet(a.Source)
		return source{magnet: &m}, err
	}
	if id, err := metainfo.ParseID(strings.TrimSpace(a.Source)); err == nil {
		return source{magnet: &metainfo.Magnet{ID: id}}, nil
	}
	if scheme, _, is := strings.Cut(a.Source, "://"); is && (strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")) {
		return l.fetch(ctx, a)
	}
	if !a.Local {
		return source{}, fmt.Errorf("%.100q is no magnet link, info hash or URL, and a file's path is taken only from this machine", a.Source)
	}
	b, err := readFile(a.Source)
	if err != nil {
		return source{}, err
	}
	s, err := parseSource(b, metainfo.MaxTorrentFile)
	s.path = a.Source
	return s, err
}

func parseSource(b []byte, limit int) (source, error) {
	if len(b) > limit {
		return source{}, fmt.Errorf("%w: %w: more than %d MiB", metainfo.ErrInvalid, metainfo.ErrTooLarge, limit>>20)
	}
	tor, err := metainfo.Parse(b)
	if err == nil {
		err = tor.Info.Downloadable()
	}
	return source{torrent: tor, raw: b}, err
}

// fetch gets a .torrent from a URL. One that came from another machine may lead into the internet only.
func (l *Library) fetch(ctx context.Context, a *status.NewTorrent) (source, error) {
	if len(a.Cookies) > maxCookies || strings.ContainsAny(a.Cookies, "\r\n\x00") {
		return source{}, errors.New("these are no cookies")
	}
	f := session.Fetch{Agent: l.agent(), Cookies: a.Cookies, Global: !a.Local, Limit: metainfo.MaxFetched}
	b, err := f.Get(ctx, l.net(), a.Source)
	if err != nil {
		return source{}, fmt.Errorf("fetch the .torrent file: %w", err)
	}
	return parseSource(b, metainfo.MaxFetched)
}

func (l *Library) agent() string { return strings.ReplaceAll(l.cfg.Session.Client, " ", "/") }

func (l *Library) net() session.Net {
	if l.cfg.Session.Net != nil {
		return l.cfg.Session.Net
	}
	return session.SystemNet{}
}

// readFile reads a .torrent file of this machine.
func readFile(name string) ([]byte, error) {
	if !filepath.IsAbs(name) {
		return nil, fmt.Errorf("the path %.200q is not absolute", name)
	}
	st, err := os.Stat(name)
	if err == nil && (!st.Mode().IsRegular() || st.Size() > metainfo.MaxTorrentFile) {
		err = fmt.Errorf("%w: it is no regular file of at most %d MiB", metainfo.ErrInvalid, metainfo.MaxTorrentFile>>20)
	}
	if err != nil {
		return nil, fmt.Errorf("read %.200q: %w", name, plainCause(err))
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read %.200q: %w", name, plainCause(err))
	}
	return b, nil
}

// plainCause leaves the name out of an error of package os: the caller says it.
func plainCause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	return err
}

// Add implements status.Engine.
func (l *Library) Add(ctx context.Context, a status.NewTorrent) (e status.Entry, added bool, err error) {
	src, err := l.resolve(ctx, &a)
	if err != nil {
		return e, false, err
	}
	l.mu.Lock()
	s, roots := l.settings.now, l.settings.configured.Roots
	l.mu.Unlock()
	dir := s.Dir
	if a.Dir != "" && a.Dir != s.Dir {
		if dir, err = allowed(l.folders, a.Dir, roots); err != nil {
			return e, false, err
		}
	}
	it, err := l.newItem(&src, &a, &s, dir)
	if err != nil {
		return e, false, err
	}
	e, added, err = l.enlist(ctx, it, &src, &a)
	switch {
	case err != nil || src.path == "" || !s.DeleteAdded:
	case !l.remembered(it.id):
		l.log.Warn("the .torrent file that was added is not deleted: the torrent cannot be remembered yet", "torrent", it.id)
	default:
		if err := os.Remove(src.path); err != nil {
			l.log.Warn("the .torrent file that was added is not deleted", "torrent", it.id, "err", err)
		}
	}
	return e, added, err
}

// remembered reports whether a torrent of the list is back after a restart: only then may the file go that it came from.
func (l *Library) remembered(id metainfo.ID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	it := l.find(id)
	return it != nil && it.saved.there && it.saved.torrent == nil
}

// newItem makes the item of a torrent that is to be added.
func (l *Library) newItem(src *source, a *status.NewTorrent, s *status.Settings, dir string) (*item, error) {
	it := &item{fresh: true, phase: status.Paused}
	k := &it.kept
	k.id, k.dir, k.added, k.rank = src.id(), dir, l.wall().UnixNano(), noRank
	if src.torrent != nil {
		k.learn(src.torrent)
		it.saved.torrent = src.raw
	} else {
		k.link, k.name, k.trackers = src.magnet.String(), src.magnet.Name, src.trackers()
		if k.name == "" {
			k.name = k.id.String()
		}
		if !k.id.HasV1() {
			return nil, fmt.Errorf("%v: %w", k.id, metainfo.ErrUnsupportedV2)
		}
	}
	if s.IncompleteDir != "" && s.IncompleteDir != dir {
		k.dir, k.final = s.IncompleteDir, dir
	}
	k.flags = k.flags.set(stopped, a.Stopped || s.AddStopped)
	o := options{sequential: s.Sequential, peers: src.peers()}
	if err := o.change(&a.Change, src.torrent); err != nil {
		return nil, err
	}
	if a.Trackers != nil {
		if err := checkTiers(*a.Trackers); err != nil {
			return nil, err
		}
		k.trackers = *a.Trackers
	}
	k.setOptions(o)
	if src.torrent != nil {
		k.wanted = wantedBytes(src.torrent.Info, o.priorities)
	}
	return it, nil
}

// enlist puts an item into the list, or what is new about it into the one that is there already.
func (l *Library) enlist(ctx context.Context, it *item, src *source, a *status.NewTorrent) (e status.Entry, added bool, err error) {
	l.mu.Lock()
	if l.ended {
		l.mu.Unlock()
		return e, false, fmt.Errorf("add %s: %w", it.name, session.ErrStopped)
	}
	now := l.wall()
	if old := l.find(it.id); old != nil {
		l.mu.Unlock()
		e, err = l.merge(ctx, old.id, src)
		return e, false, err
	}
	if l.held[it.id.Wire()] != nil { // added again while its removal could be undone: that is what is meant, mostly
		l.mu.Unlock()
		if err := l.Restore(ctx, it.id); err != nil {
			return e, false, err
		}
		e, err = l.merge(ctx, it.id, src)
		return e, true, err
	}
	if l.leaving[it.id.Wire()] {
		l.mu.Unlock()
		return e, false, fmt.Errorf("%s is just being removed; add it again when that is done", it.name)
	}
	if n := len(l.items); n > 0 { // the order of a burst outlives a coarse clock
		if last := l.items[n-1].added; it.added <= last && last-it.added < int64(time.Second) {
			it.added = last + 1
		}
	}
	l.list.add(now, it)
	changed := []*item{it}
	switch {
	case a.QueuePosition != nil:
		changed = append(changed, l.putAt(now, []*item{it}, *a.QueuePosition)...)
	case a.First:
		changed = append(changed, l.move(now, []*item{it}, status.QueueTop)...)
	}
	l.totals.now.Added++
	round := l.store.keep(changed...)
	l.order(now)
	e = l.entry(it)
	l.happen(it, hooks.Added)
	l.mu.Unlock()
	l.log.Info("torrent added", "torrent", it.id, "name", e.Name)
	l.poke()
	return e, true, durable(ctx, round)
}

// merge adds to a torrent that is there already what a source knows beyond it: trackers, peers, and the files of a magnet link.
func (l *Library) merge(ctx context.Context, id metainfo.ID, src *source) (status.Entry, error) {
	it, done, err := l.claim(ctx, id)
	if err != nil {
		return status.Entry{}, err
	}
	defer done()
	l.mu.Lock()
	asks := src.torrent != nil && it.place == live && !it.flags.has(known)
	l.mu.Unlock()
	if asks { // since the last look it may have begun, and then has files and a record
		l.learned(it)
	}
	l.mu.Lock()
	adopt := src.torrent != nil && !it.flags.has(known)
	place := it.place
	tiers, more := mergeTiers(it.trackers, src.trackers())
	more = more && !it.flags.has(private) && (src.torrent == nil || !src.torrent.Info.Private())
	if more {
		it.trackers = l.tier(tiers)
	}
	peers := session.WithPeers(it.options().peers, src.peers())
	named := len(peers) > len(it.options().peers)
	if named {
		it.change(func(o *options) { o.peers = peers })
	}
	l.mu.Unlock()
	if adopt && place != cold {
		if err := l.session.Remove(ctx, id); err != nil && !errors.Is(err, session.ErrUnknown) {
			return status.Entry{}, err
		}
	}
	l.mu.Lock()
	var round <-chan struct{}
	if adopt {
		it.learn(src.torrent)
		it.saved.torrent = src.raw
		it.leaveSession()
	}
	if adopt || more || named {
		l.touch(l.wall(), it)
		round = l.store.keep(it)
	}
	l.order(l.wall())
	e, k, s := l.entry(it), it.kept, l.settings.now
	l.mu.Unlock()
	if more && !adopt && place == live {
		if err := l.session.SetTrackers(ctx, id, withDefaults(&k, s.Trackers)); err != nil {
			return e, err
		}
	}
	if len(src.peers()) > 0 && place == live { // also those that are known: they may have come back
		if err := l.session.AddPeers(ctx, id, src.peers()); err != nil {
			return e, err
		}
	}
	if round == nil {
		return e, nil
	}
	return e, durable(ctx, round)
}

// mergeTiers adds the URLs of more that are not there yet, each tier of them as one of its own.
func mergeTiers(have, more [][]string) (out [][]string, changed bool) {
	known := map[string]bool{}
	n := 0
	for _, tier := range have {
		for _, u := range tier {
			known[u] = true
			n++
		}
	}
	out = slices.Clone(have)
	for _, tier := range more {
		var fresh []string
		for _, u := range tier {
			if !known[u] && n < maxTrackers {
				known[u] = true
				fresh = append(fresh, u)
				n++
			}
		}
		if fresh != nil {
			out = append(out, fresh)
			changed = true
		}
	}
	return out, changed
}

// Limits of what a Change may say.
const (
	maxLabels = 100
	maxLabel  = 200 // bytes
)

// change puts into o what c changes. tor is nil where the files are not known.
func (o *options) change(c *status.Change, tor *metainfo.Torrent) error {
	if c.Labels != nil {
		list := slices.Clone(*c.Labels)
		slices.Sort(list)
		list = slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" })
		for _, s := range list {
			if len(s) > maxLabel || len(list) > maxLabels {
				return fmt.Errorf("more than %d labels, or one with more than %d bytes", maxLabels, maxLabel)
			}
		}
		o.labels = list
	}
	if c.Group != nil {
		if o.group = *c.Group; len(o.group) > maxLabel {
			return fmt.Errorf("the group's name has more than %d bytes", maxLabel)
		}
	}
	for _, n := range []struct{ from, to *int64 }{{c.DownLimit, &o.downLimit}, {c.UpLimit, &o.upLimit}} {
		if n.from == nil {
			continue
		}
		if *n.from < 0 {
			return fmt.Errorf("a limit of %d bytes a second is none", *n.from)
		}
		*n.to = *n.from
	}
	if c.MaxPeers != nil {
		if *c.MaxPeers < 0 || *c.MaxPeers > 1<<20 {
			return fmt.Errorf("%d connections are not possible", *c.MaxPeers)
		}
		o.maxPeers = *c.MaxPeers
	}
	if c.Priority != nil {
		if *c.Priority < -1 || *c.Priority > 1 {
			return fmt.Errorf("priority %d is not one of -1, 0 and 1", *c.Priority)
		}
		o.priority = *c.Priority
	}
	set(&o.exempt, c.Exempt)
	set(&o.sequential, c.Sequential)
	set(&o.ratio, c.Ratio)
	set(&o.idle, c.Idle)
	set(&o.seedTime, c.SeedTime)
	if len(c.Files) > 0 {
		return o.choose(c.Files, tor)
	}
	return nil
}

// set puts into to what from points to, if anything.
func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// choose changes priorities of files, which c has by the index of what Files shows: that leaves pad files out.
func (o *options) choose(c map[int]uint8, tor *metainfo.Torrent) error {
	if tor == nil {
		return status.ErrNoMetadata
	}
	files := tor.Info.Files()
	list := make([]uint8, len(files))
	for i := range list {
		list[i] = session.Normal
	}
	copy(list, o.priorities)
	var shown []int
	for i, f := range files {
		if !f.Pad {
			shown = append(shown, i)
		}
	}
	for i, p := range c {
		if i < 0 || i >= len(shown) {
			return fmt.Errorf("file %d of %d: %w", i, len(shown), status.ErrNoFile)
		}
		if p > session.High {
			return fmt.Errorf("priority %d of file %d is not one of 0 to %d", p, i, session.High)
		}
		list[shown[i]] = p
	}
	if o.priorities = list; !slices.ContainsFunc(list, func(p uint8) bool { return p != session.Normal }) {
		o.priorities = nil
	}
	return nil
}
