package session

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"shoal/metainfo"
)

// unshared returns those of a torrent's files in dir that no other torrent of the session has. Names count as equal that differ in case
// only, as some file systems have it. One that sleeps and lies there is loaded; where that fails nothing below its name is taken for unshared.
func (s *Session) unshared(id metainfo.ID, dir string, names []string) []string {
	ours := make(map[string]bool, len(names)) // by place
	above := make(map[string]bool)            // places in which something of it is, and its own
	for _, n := range names {
		at := place(dir, n)
		ours[at] = true
		for ; !above[at]; at = path.Dir(at) {
			above[at] = true
		}
	}
	spare := func(dir string, names []string) {
		for _, n := range names {
			delete(ours, place(dir, n))
		}
	}
	s.reg.everyone(func(t *torrent) {
		if t.id.Wire() != id.Wire() {
			spare(t.places())
		}
	}, func(p *sleeper) {
		top := place(p.Dir, metainfo.SafeName(p.Name))
		if p.ID.Wire() == id.Wire() || !above[top] {
			return
		}
		if s.lookAsleep(s.ctx, p, func(t *torrent) { spare(p.Dir, t.fileNames()) }) != nil {
			maps.DeleteFunc(ours, func(at string, _ bool) bool { return at == top || strings.HasPrefix(at, top+"/") })
		}
	})
	return slices.DeleteFunc(names, func(n string) bool { return !ours[place(dir, n)] })
}

// place is where a file is, in a form that can be compared.
func place(dir, name string) string { return strings.ToLower(path.Join(filepath.ToSlash(dir), name)) }

// places returns in which folder which files of a torrent are. Anybody may ask at any time.
func (t *torrent) places() (dir string, names []string) {
	if t.add.MetadataOnly {
		return "", nil
	}
	if t.known.Load() {
		return t.add.Folder.Path(), t.fileNames()
	}
	if t.add.Torrent == nil || t.was == nil { // of a magnet link, or not a moment old: nothing is there yet
		return "", nil
	}
	info, err := t.add.Torrent.Info.WithPaths(t.orders.get().names)
	if err != nil {
		return "", nil
	}
	for _, f := range info.Files() {
		names = append(names, f.Path)
	}
	return t.was.Dir, names
}
