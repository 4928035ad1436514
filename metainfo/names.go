package metainfo

import (
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Limits on mapped names, in bytes: one element as every common file system
// takes it, and a whole path below the download folder.
const (
	maxElement = 255
	maxPath    = 1024
)

// longFolder collects the files whose mapped path would pass maxPath.
const longFolder = "_long"

// SafeName maps one foreign path element to a name that means the same on
// every system: never empty, never "." or "..", no separator, no character or
// name that Windows reserves, nothing invisible that reorders text, valid UTF-8,
// at most 255 bytes with the extension kept. A name that is safe already comes back as it is.
func SafeName(elem string) string {
	if plain(elem) {
		return elem
	}
	var b strings.Builder
	for i, r := range elem {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(elem[i:]); n == 1 {
				r = '_'
			}
		}
		if unsafeRune(r) {
			r = '_'
		}
		b.WriteRune(r)
	}
	name := b.String()
	if reserved(name) {
		name = "_" + name
	}
	return noTrail(cut(name, maxElement))
}

// plain answers the common case without allocating: ASCII letters, digits and
// a few harmless signs, beginning with a letter or digit that starts no reserved name.
func plain(s string) bool {
	if s == "" || len(s) > maxElement {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '(', c == ')', c == '[', c == ']':
		case c == '.' || c == ' ':
			if i == len(s)-1 {
				return false
			}
		default:
			return false
		}
	}
	return !reserved(s)
}

// unsafeRune tells what no name may hold: separators, what Windows forbids,
// controls, and invisible characters that reorder or hide text. Joiners stay: scripts and emoji need them.
func unsafeRune(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0:
		return true
	case strings.ContainsRune(`/\:*?"<>|`, r):
		return true
	case r == 0x61c, r == 0x200b, r == 0x200e, r == 0x200f, r >= 0x2028 && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0xfeff:
		return true
	}
	return r >= 0xfff9 && r <= 0xfffb || r&0xfffe == 0xfffe
}

// reserved tells whether Windows takes the name for a device: with any
// extension, and with blanks before it.
func reserved(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.TrimRight(base, " ")
	if len(base) < 3 || len(base) > 7 {
		return false
	}
	base = strings.ToUpper(base)
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	digit, ok := strings.CutPrefix(base, "COM")
	if !ok {
		digit, ok = strings.CutPrefix(base, "LPT")
	}
	if !ok || digit == "" {
		return false
	}
	return len(digit) == 1 && digit[0] >= '0' && digit[0] <= '9' || digit == "¹" || digit == "²" || digit == "³"
}

// noTrail replaces dots and blanks at the end, which Windows drops, and fills an empty name.
func noTrail(name string) string {
	kept := strings.TrimRight(name, ". ")
	if name == "" {
		return "_"
	}
	return kept + strings.Repeat("_", len(name)-len(kept))
}

// splitExt splits off an extension of at most 32 bytes, dot included; a name that
// begins with its only dot has none.
func splitExt(name string) (stem, ext string) {
	i := strings.LastIndexByte(name, '.')
	if i <= 0 || len(name)-i > 32 {
		return name, ""
	}
	return name[:i], name[i:]
}

// cut shortens name to most bytes between whole characters and keeps its extension.
func cut(name string, most int) string {
	if len(name) <= most {
		return name
	}
	stem, ext := splitExt(name)
	n := most - len(ext)
	for n > 0 && !utf8.RuneStart(stem[n]) {
		n--
	}
	return stem[:n] + ext
}

// nameMap gives every file of one torrent its path. Two names that some
// common file system could take for one (case, Unicode form, joiners) are numbered apart
// inside their folder, in torrent order, so that the same torrent gives the same
// paths everywhere.
type nameMap struct {
	fold  cases.Caser
	dirs  map[nameKey]folder // by folder and raw name
	taken map[nameKey]int    // by folder and folded mapped name: the next number to try
	cost  int64              // what folders and paths take, in bytes; see namesBudget

	nfd, nfc []byte // scratch of folded
}

type nameKey struct {
	dir  int
	name string
}

// folderCost is about what one folder takes in the maps beside its path, in bytes.
const folderCost = 100

// maxNumbers is how many numbers are tried for one name. Long names lose their ends to the
// number, so that thousands of them may compete for the same ones.
const maxNumbers = 8

// folder is a mapped folder. An empty path means that it would be too long.
type folder struct {
	id   int
	path string
}

func newNameMap(files int) *nameMap {
	return &nameMap{fold: cases.Fold(), dirs: map[nameKey]folder{}, taken: make(map[nameKey]int, files)}
}

// file returns the unique mapped path of a file below root.
func (m *nameMap) file(root string, raw []string) string {
	path := m.place(root, raw)
	m.cost += int64(len(path))
	return path
}

func (m *nameMap) place(root string, raw []string) string {
	dir := folder{path: root}
	for _, elem := range raw[:len(raw)-1] {
		dir = m.dir(dir, elem)
	}
	if dir.path != "" {
		name := m.unique(dir.id, SafeName(raw[len(raw)-1]))
		if len(dir.path)+1+len(name) <= maxPath {
			return dir.path + "/" + name
		}
	}
	return m.long(root, raw)
}

// long is the path of a file whose own is too long to be used: one folder for
// all of them, told apart by a digest of what the torrent says.
func (m *nameMap) long(root string, raw []string) string {
	h := sha1.New()
	for _, elem := range raw {
		fmt.Fprintf(h, "%d:%s", len(elem), elem)
	}
	dir := m.dir(folder{path: root}, longFolder)
	name := hex.EncodeToString(h.Sum(nil)[:8]) + "-" + SafeName(raw[len(raw)-1])
	return dir.path + "/" + m.unique(dir.id, noTrail(cut(name, maxElement)))
}

func (m *nameMap) dir(parent folder, raw string) folder {
	key := nameKey{parent.id, raw}
	if d, ok := m.dirs[key]; ok {
		return d
	}
	d := folder{id: len(m.dirs) + 1}
	if parent.path != "" {
		if name := m.unique(parent.id, SafeName(raw)); len(parent.path)+1+len(name) < maxPath {
			d.path = parent.path + "/" + name
		}
	}
	m.dirs[key] = d
	m.cost += int64(len(d.path)) + folderCost
	return d
}

// unique returns name, or name with the first free number before its extension, or a
// digest where that is hard to find.
func (m *nameMap) unique(dir int, name string) string {
	key := nameKey{dir, m.folded(name)}
	n, taken := m.taken[key]
	if !taken {
		m.taken[key] = 1
		return name
	}
	stem, ext := splitExt(name)
	for tries := 0; ; n, tries = n+1, tries+1 {
		number := fmt.Sprintf(".%d", n)
		if tries >= maxNumbers {
			sum := sha1.Sum([]byte(name + number))
			number = "." + hex.EncodeToString(sum[:8])
		}
		try := cut(stem, maxElement-len(number)-len(ext)) + number + ext
		tryKey := nameKey{dir, m.folded(try)}
		if _, taken := m.taken[tryKey]; !taken {
			m.taken[tryKey] = 1
			m.taken[key] = n + 1
			return try
		}
	}
}

// folded returns what a file system that ignores case, Unicode form and
// joiners would compare.
func (m *nameMap) folded(name string) string {
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			name = strings.ReplaceAll(strings.ReplaceAll(name, "\u200c", ""), "\u200d", "")
			m.nfd = norm.NFD.AppendString(m.nfd[:0], name)
			m.nfc = norm.NFC.Append(m.nfc[:0], m.fold.Bytes(m.nfd)...)
			return string(m.nfc)
		}
	}
	return strings.ToLower(name)
}
