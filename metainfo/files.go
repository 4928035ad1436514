package metainfo

import (
	"strings"
	"unicode/utf8"

	"shoal/internal/bencode"
)

// Limits on the list of files. namesBudget is in bytes and bounds what names
// may take in memory, because a small file tree can spell very long paths.
const (
	maxFiles    = 1 << 20
	maxFolders  = 100
	namesBudget = 256 << 20
)

// fileList collects the files of one half of a torrent.
type fileList struct {
	files []File
	roots []Hash2 // v2 only, one for each file
	cost  int64
}

// add appends a file after checking the limits that hold for both halves.
func (l *fileList) add(f File) error {
	if len(l.files) == maxFiles {
		return invalid("more than %d files", maxFiles)
	}
	if len(f.Raw) > maxFolders {
		return invalid("file %d lies %d folders deep, at most %d are allowed", len(l.files), len(f.Raw)-1, maxFolders-1)
	}
	for _, elem := range f.Raw {
		l.cost += int64(len(elem)) + 16
	}
	if l.cost > namesBudget {
		return invalid("the names of the files take more than %d MiB", namesBudget>>20)
	}
	l.files = append(l.files, f)
	return nil
}

// parseV1Files reads the files list of BEP 3 with the attributes of BEP 47.
func parseV1Files(raw []byte) (*fileList, error) {
	c := bencode.NewCursor(raw)
	if c.Kind() != 'l' {
		return nil, invalid("files is not a list")
	}
	count := 0
	for range bencode.List(raw) {
		count++
	}
	l := &fileList{files: make([]File, 0, min(count, maxFiles))}
	for c.Enter(); !c.Leave(); {
		f, err := parseV1File(&c, len(l.files))
		if err != nil {
			return nil, err
		}
		if err := l.add(f); err != nil {
			return nil, err
		}
	}
	if len(l.files) == 0 {
		return nil, invalid("files is empty")
	}
	return l, nil
}

func parseV1File(c *bencode.Cursor, n int) (File, error) {
	if c.Kind() != 'd' {
		return File{}, invalid("file %d is not a dictionary", n)
	}
	f := File{Length: -1}
	var path, utf8Path []string
	known := true
	for c.Enter(); !c.Leave(); {
		key, _ := c.String()
		ok := true
		switch string(key) {
		case "length":
			f.Length, ok = c.Int()
			known = ok
		case "path":
			if path, ok = stringList(c); !ok {
				return File{}, invalid("the path of file %d is not a list of strings", n)
			}
		case "path.utf-8":
			utf8Path, _ = stringList(c)
		case "attr":
			attr, _ := c.String()
			f.setAttr(attr)
		default:
			c.Skip()
		}
	}
	if len(utf8Path) > 0 && utf8.ValidString(strings.Join(utf8Path, "")) {
		path = utf8Path
	}
	if len(path) == 0 {
		return File{}, invalid("file %d has no path", n)
	}
	f.Raw = path
	switch {
	case f.Symlink:
		f.Length = 0 // links take no bytes of the torrent, whatever they claim
	case !known:
		return File{}, invalid("the length of file %d is not an integer of 64 bits", n)
	case f.Length < 0:
		return File{}, invalid("the length of file %d is negative or missing", n)
	}
	return f, nil
}

// setAttr reads the letters of BEP 47; unknown ones are ignored.
func (f *File) setAttr(attr []byte) {
	for _, c := range attr {
		switch c {
		case 'p':
			f.Pad = true
		case 'x':
			f.Executable = true
		case 'h':
			f.Hidden = true
		case 'l':
			f.Symlink = true
		}
	}
}

// stringList reads a list of strings; false when it is something else.
func stringList(c *bencode.Cursor) ([]string, bool) {
	if c.Kind() != 'l' {
		c.Skip()
		return nil, false
	}
	var list []string
	all := true
	for c.Enter(); !c.Leave(); {
		s, ok := c.String()
		all = all && ok
		list = append(list, string(s))
	}
	return list, all
}

// mapPaths gives every file its safe path. Pad files are never stored and
// need none of their own.
func mapPaths(name string, files []File, multi bool, w *warnings) error {
	root := SafeName(name)
	if root != name {
		w.addf("name %s is stored as %s", short(name), short(root))
	}
	if !multi {
		files[0].Path = root
		return nil
	}
	m := newNameMap(len(files))
	pad := root + "/.pad"
	for i := range files {
		f := &files[i]
		if f.Pad {
			f.Path = pad
			continue
		}
		f.Path = m.file(root, f.Raw)
		if m.cost > namesBudget {
			return invalid("the names of the files take more than %d MiB", namesBudget>>20)
		}
		if !spelled(f.Path[len(root)+1:], f.Raw) {
			w.addf("file %s is stored as %s", short(strings.Join(f.Raw, "/")), short(f.Path))
		}
		if f.Symlink {
			w.addf("link %s is not made: links could point outside the folder", short(f.Path))
		}
	}
	return nil
}

// spelled reports whether path is just the elements of raw.
func spelled(path string, raw []string) bool {
	for i, elem := range raw {
		rest, ok := strings.CutPrefix(path, elem)
		if !ok {
			return false
		}
		if path = rest; i < len(raw)-1 {
			if path, ok = strings.CutPrefix(path, "/"); !ok {
				return false
			}
		}
	}
	return path == ""
}
