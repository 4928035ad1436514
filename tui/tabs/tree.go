package tabs

import (
	"strings"

	"shoal/status"
)

// none is where a link of the tree leads nowhere.
const none = int32(-1)

// fewRows is how many rows a tree may have to begin unfolded.
const fewRows = 200

// node is a file or a folder. Links are indices into tree.nodes.
type node struct {
	name               string // last element of its path: foreign text
	parent, next, last int32  // next sibling, last child
	first              int32  // first child
	file               int32  // index in Data.Files, none for a folder
	depth              int32
	folded             bool

	// Sums over all files below, or those of the file.
	length, have  int64
	files, wanted int32
	low, high     uint8 // least and greatest priority of those wanted
}

// tree is the files of a torrent as folders. It is built once for a list of paths; new figures of the same files are summed up anew.
type tree struct {
	files []status.File // as it was last told, to notice a change
	nodes []node        // the root first; a folder stands before all that is in it
	rows  []int32       // what is not inside of a folded folder, from top to bottom
}

// update takes what the engine says of the files; it costs nothing when that is what it said the last time.
func (t *tree) update(files []status.File) {
	switch {
	case same(t.files, files):
		return
	case !samePaths(t.files, files):
		t.build(files)
	}
	t.files = files
	t.sum()
}

func same(a, b []status.File) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func samePaths(a, b []status.File) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Path != b[i].Path {
			return false
		}
	}
	return true
}

func (t *tree) build(files []status.File) {
	t.nodes = make([]node, 1, len(files)+len(files)/8+1)
	t.nodes[0] = node{parent: none, next: none, first: none, last: none, file: none, depth: -1}
	folders := map[string]int32{"": 0}
	dir, at := "", int32(0) // of the file before: most files lie beside it
	for i := range files {
		p := strings.TrimLeft(files[i].Path, "/") // no path of ours begins so
		d, name := "", p
		if cut := strings.LastIndexByte(p, '/'); cut >= 0 {
			d, name = p[:cut], p[cut+1:]
		}
		if d != dir {
			dir, at = d, t.folder(folders, d)
		}
		t.add(at, name, int32(i))
	}
	if t.show(); len(t.rows) > fewRows {
		for i := range t.nodes {
			n := &t.nodes[i]
			n.folded = n.file == none && n.depth >= 1
		}
		t.show()
	}
}

// folder returns the node of the folder dir, made with those above it if need be.
func (t *tree) folder(folders map[string]int32, dir string) int32 {
	// Paths come from a daemon that may be anything: they are walked without recursion.
	at, from := int32(0), 0
	for from <= len(dir) {
		end := len(dir)
		if i := strings.IndexByte(dir[from:], '/'); i >= 0 {
			end = from + i
		}
		k, ok := folders[dir[:end]]
		if !ok {
			k = t.add(at, dir[from:end], none)
			folders[dir[:end]] = k
		}
		at, from = k, end+1
	}
	return at
}

func (t *tree) add(parent int32, name string, file int32) int32 {
	k := int32(len(t.nodes))
	t.nodes = append(t.nodes, node{name: name, parent: parent, next: none, first: none, last: none, file: file, depth: t.nodes[parent].depth + 1})
	if p := &t.nodes[parent]; p.last == none {
		p.first, p.last = k, k
	} else {
		t.nodes[p.last].next, p.last = k, k
	}
	return k
}

// sum fills in the sums of all nodes. A folder stands before what is in it, so one walk from the end does it.
func (t *tree) sum() {
	for i := range t.nodes {
		n := &t.nodes[i]
		n.length, n.have, n.files, n.wanted, n.low, n.high = 0, 0, 0, 0, 0, 0
		if n.file != none {
			f := &t.files[n.file]
			n.length, n.have, n.files = f.Length, f.Have, 1
			if p := priority(f); p > 0 {
				n.wanted, n.low, n.high = 1, p, p
			}
		}
	}
	for i := len(t.nodes) - 1; i > 0; i-- {
		n, p := &t.nodes[i], &t.nodes[t.nodes[i].parent]
		p.length, p.have, p.files, p.wanted = p.length+n.length, p.have+n.have, p.files+n.files, p.wanted+n.wanted
		if n.wanted > 0 {
			p.high = max(p.high, n.high)
			if p.low == 0 || n.low < p.low {
				p.low = n.low
			}
		}
	}
}

// priority is that of a file, 0 for one that is not wanted.
func priority(f *status.File) uint8 {
	switch {
	case !f.Wanted:
		return 0
	case f.Priority == 0:
		return 2
	}
	return min(f.Priority, 3)
}

// show lists the rows anew, after something was folded or unfolded.
func (t *tree) show() {
	t.rows = t.rows[:0]
	for k := t.nodes[0].first; k > 0; {
		n := &t.nodes[k]
		t.rows = append(t.rows, k)
		if n.first != none && !n.folded {
			k = n.first
			continue
		}
		for k > 0 && t.nodes[k].next == none {
			k = t.nodes[k].parent
		}
		if k > 0 {
			k = t.nodes[k].next
		}
	}
}

// fold folds or unfolds the folder of a row; a file has nothing to fold.
func (t *tree) fold(row int) {
	if n := &t.nodes[t.rows[row]]; n.file == none {
		n.folded = !n.folded
		t.show()
	}
}

// below calls f for all files of a node, by their index in Data.Files.
func (t *tree) below(k int32, f func(file int)) {
	if n := &t.nodes[k]; n.file != none {
		f(int(n.file))
		return
	}
	for c := t.nodes[k].first; c > 0 && c != k; {
		n := &t.nodes[c]
		if n.file != none {
			f(int(n.file))
		} else if n.first != none {
			c = n.first
			continue
		}
		for c != k && t.nodes[c].next == none {
			c = t.nodes[c].parent
		}
		if c != k {
			c = t.nodes[c].next
		}
	}
}
