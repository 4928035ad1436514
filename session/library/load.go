package library

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"shoal/internal/fsys"
	"shoal/metainfo"
	"shoal/session/state"
	"shoal/status"
)

// loaded is one torrent as the state folder has it.
type loaded struct {
	kept  kept
	alt   bool // the second name has the newest generation
	there bool // of an entry
}

// names are which files of a torrent there are.
type names struct{ entry, alt, torrent bool }

// listFolder returns the torrents that something is known of.
func listFolder(dir fsys.FS) (map[metainfo.ID]names, error) {
	found := map[metainfo.ID]names{}
	list, err := dir.ReadDir(torrentsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the torrents of %s: %w", dir.Path(), err)
	}
	for _, e := range list {
		base, suffix, _ := strings.Cut(e.Name(), ".")
		id, err := metainfo.ParseID(base)
		if err != nil || id.String() != base {
			continue
		}
		n := found[id]
		switch "." + suffix {
		case entrySuffix:
			n.entry = true
		case altSuffix:
			n.alt = true
		case torrentSuffix:
			n.torrent = true
		default:
			continue
		}
		found[id] = n
	}
	return found, nil
}

// loadEntry reads one torrent: the newest valid generation of its entry, or what can be told without one. Notes say what was
// wrong.
func loadEntry(dir fsys.FS, id metainfo.ID, n names, records func() map[string][]string) (out loaded, notes []error) {
	for _, alt := range []bool{false, true} {
		name := fileName(id, entrySuffix)
		if alt {
			name = fileName(id, altSuffix)
		}
		if alt && !n.alt || !alt && !n.entry {
			continue
		}
		b, err := state.ReadFile(dir, name, maxEntry)
		var k *kept
		if err == nil {
			k, err = decode(b)
		}
		if err == nil && k.id.String() != id.String() {
			err = fmt.Errorf("%w: it is of %v", state.ErrDamaged, k.id)
		}
		switch {
		case err != nil:
			notes = append(notes, fmt.Errorf("%s: %w", name, err))
		case !out.there || k.serial > out.kept.serial:
			out = loaded{*k, alt, true}
		}
	}
	if !out.there {
		out.kept = rebuild(dir, id, records()[id.String()])
		return out, append(notes, fmt.Errorf("%v: its options are lost; it begins with the defaults", id))
	}
	if out.kept.flags.has(known) && !n.torrent {
		out.kept.toLink()
		notes = append(notes, fmt.Errorf("%s is gone: what it holds is asked of peers", fileName(id, torrentSuffix)))
	}
	return out, notes
}

// toLink makes a torrent whose .torrent cannot be used one that asks peers for it.
func (k *kept) toLink() {
	m := metainfo.Magnet{ID: k.id, Name: k.name}
	for _, t := range k.trackers {
		m.Trackers = append(m.Trackers, t...)
	}
	k.link, k.flags = m.String(), k.flags.set(known, false)
}

// rebuild makes the entry of a torrent of which the entry is lost: from its .torrent, or only its hash, and from the resume record, which knows
// the folder.
func rebuild(dir fsys.FS, id metainfo.ID, records []string) kept {
	k := kept{id: id, name: id.String(), rank: noRank}
	if tor, err := readTorrent(dir, id); err == nil {
		k.id = tor.ID
		k.learn(tor)
	} else {
		k.toLink()
	}
	newest := time.Time{}
	for _, name := range records {
		b, err := state.ReadFile(dir, name, maxRecord)
		if err != nil {
			continue
		}
		if r, err := state.Decode(b); err == nil && r.ID.Wire() == id.Wire() && (k.dir == "" || r.Added.After(newest)) {
			newest, k.dir, k.down, k.up = r.Added, r.Dir, r.DownTotal, r.UpTotal
			k.added, k.finished = nanos(r.Added), nanos(r.Finished)
			k.flags = k.flags.set(complete, !r.Finished.IsZero()).set(whole, r.Have.All())
			k.piecesHave = r.Have.Count()
		}
	}
	if k.flags.has(whole) {
		k.have = k.wanted
	}
	return k
}

// maxRecord bounds the resume records that are read for a torrent without an entry.
const maxRecord = 256 << 20

// listRecords returns the resume records of the session by torrent; it is asked only where an entry is lost.
func listRecords(dir fsys.FS) map[string][]string {
	out := map[string][]string{}
	list, _ := dir.ReadDir(".") // none: then there are none
	for _, e := range list {
		if base, ok := strings.CutSuffix(e.Name(), ".resume"); ok {
			id, _, _ := strings.Cut(base, "-")
			out[id] = append(out[id], e.Name())
		}
	}
	return out
}

// readTorrent reads the .torrent that belongs to id.
func readTorrent(dir fsys.FS, id metainfo.ID) (*metainfo.Torrent, error) {
	b, err := state.ReadFile(dir, fileName(id, torrentSuffix), metainfo.MaxTorrentFile)
	if err != nil {
		return nil, err
	}
	tor, err := metainfo.Parse(b)
	if err != nil {
		return nil, err
	}
	if tor.ID.Wire() != id.Wire() {
		return nil, fmt.Errorf("%w: it is of %v", state.ErrDamaged, tor.ID)
	}
	return tor, nil
}

// learn takes over what a .torrent says.
func (k *kept) learn(tor *metainfo.Torrent) {
	if k.id == (metainfo.ID{}) { // else it stays as it is: many look at it
		k.id = tor.ID
	}
	k.name, k.link = tor.Info.Name(), ""
	k.size, k.pieces, k.pieceSize = tor.Info.Payload(), tor.Info.NumPieces(), int(tor.Info.PieceLength())
	k.wanted, k.files = k.size, 0
	for _, f := range tor.Info.Files() {
		if !f.Pad {
			k.files++
		}
	}
	k.comment, k.creator, k.created = short(tor.Comment), short(tor.CreatedBy), nanos(tor.Created)
	k.flags = k.flags.set(known, true).set(private, tor.Info.Private())
	if k.trackers == nil {
		k.trackers = tor.Trackers
	}
}

// fill puts what was loaded into the list, in the order in which it was added.
func (l *Library) fill(all []loaded) {
	slices.SortFunc(all, func(a, b loaded) int {
		return cmp.Or(cmp.Compare(a.kept.added, b.kept.added), cmp.Compare(a.kept.id.String(), b.kept.id.String()))
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.wall()
	for _, x := range all {
		l.store.serial = max(l.store.serial, x.kept.serial)
		it := &item{kept: x.kept, phase: status.Paused, saved: saved{alt: x.alt, there: x.there}}
		if it.dir == "" {
			it.dir = l.settings.now.Dir
		}
		if it.added == 0 {
			it.added = now.UnixNano()
		}
		if it.flags.has(removed) { // the time to undo that is over
			l.unfinished = append(l.unfinished, it)
			continue
		}
		l.add(now, it)
		if !x.there {
			l.store.keep(it)
		}
	}
	l.order(now)
}

// short cuts foreign text that is kept for each torrent.
func short(s string) string { return strings.Clone(s[:min(len(s), maxText)]) }

const maxText = 4 << 10
