package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows lists, for every room, the rooms of this module that it may import. An
// arrow that is not listed does not exist. Every room may use the tools of shared.
var arrows = map[string][]string{
	"cmd/shoal":              {"*"},
	"tui/app":                {"tui/draw", "tui/keys", "tui/tabs", "tui/theme", "tui", "status", "metainfo", "internal/filter", "internal/quietstart"},
	"bench":                  {"bench/clients", "bench/figures", "bench/partner", "bench/report", "bench/stage"},
	"bench/clients":          {"bench/partner"},
	"bench/figures":          {},
	"bench/partner":          {"metainfo", "peer/mse"},
	"bench/report":           {"bench/figures"},
	"bench/stage":            {},
	"internal/tools/picture": {"internal/screen"},
	"rpc":                    {"status", "metainfo"},
	"tui":                    {"status", "metainfo", "internal/quietstart"},
	"tui/draw":               {"tui/theme"},
	"tui/keys":               {},
	"tui/theme":              {},
	"tui/tabs":               {"tui", "tui/draw", "tui/keys", "tui/theme", "status", "metainfo"},
	"session":                {"session/budget", "session/state", "session/lsd", "session/portmap", "swarm", "peer", "peer/mse", "piece", "tracker", "dht", "status", "metainfo"},
	"session/lsd":            {"metainfo"},
	"session/portmap":        {},
	"session/state":          {"metainfo"},
	"session/budget":         {"metainfo"},
	"session/queue":          {"status"},
	"session/goals":          {"status"},
	"session/hours":          {"status"},
	"session/blocklist":      {},
	"session/hooks":          {"metainfo"},
	"session/watch":          {},
	"session/library":        {"session", "session/blocklist", "session/budget", "session/goals", "session/hooks", "session/hours", "session/queue", "session/state", "session/watch", "peer", "status", "metainfo"},
	"swarm":                  {"piece", "peer/wire", "status", "metainfo"},
	"peer":                   {"peer/wire", "peer/mse", "metainfo"},
	"peer/wire":              {"metainfo"},
	"peer/mse":               {"metainfo"},
	"piece":                  {"metainfo"},
	"tracker":                {"metainfo"},
	"dht":                    {"dht/guard", "metainfo", "internal/quietstart"},
	"dht/guard":              {},
	"status":                 {"metainfo"},
	"metainfo":               {},
	"internal/bencode":       {},
	"internal/config":        {"session/hours", "status", "tui/keys", "tui/theme"},
	"internal/block":         {},
	"internal/fsys":          {},
	"internal/sha1x":         {},
	"internal/text":          {},
	"internal/quietstart":    {},
	"internal/simnet":        {},
	"internal/screen":        {},
	"internal/hostile":       {},
	"internal/cputime":       {},
	"internal/fakeengine":    {"status", "metainfo"},
	"internal/filter":        {"status", "metainfo"},
	"internal/fakepeer":      {"peer", "peer/wire", "metainfo"},
}

// testArrows are the arrows that only tests have: a test of the session that scripts a remote
// peer says what that peer sends and one reads what people are told of each cause, one of the library announces to a tracker, and one of the swarm fuzzes it over a real connection.
var testArrows = map[string][]string{"session": {"peer/wire", "tui", "tui/draw", "tui/tabs", "tui/theme"}, "swarm": {"peer"}, "session/library": {"tracker"}}

// shared are the tools that every room may use; testOnly may be imported by tests alone.
var (
	shared   = []string{"internal/bencode", "internal/block", "internal/fsys", "internal/sha1x", "internal/text"}
	testOnly = []string{"internal/simnet", "internal/fakepeer", "internal/screen", "internal/hostile", "internal/fakeengine", "internal/cputime"}
)

// libraries lists who may import what is not ours and not the standard library.
var libraries = map[string][]string{
	"github.com/BurntSushi/toml":          {"internal/config", "tui/theme"},
	"github.com/zeebo/bencode":            {"internal/bencode"},
	"github.com/charmbracelet/bubbletea":  {"tui", "tui/app"},
	"github.com/charmbracelet/x/ansi":     {"internal/screen", "tui", "tui/app", "tui/draw", "tui/theme", "tui/tabs"},
	"github.com/spf13/cobra":              {"cmd/shoal"},
	"github.com/spf13/pflag":              {"cmd/shoal"},
	"github.com/rogpeppe/go-internal":     {"cmd/shoal"},
	"golang.org/x/term":                   {"cmd/shoal"},
	"github.com/coreos/go-systemd/v22":    {"cmd/shoal"},
	"github.com/anacrolix/dht/v2":         {"dht"},
	"github.com/anacrolix/log":            {"dht"},
	"golang.org/x/time":                   {"session/budget", "dht"},
	"golang.org/x/text":                   {"internal/text", "internal/screen", "metainfo"},
	"golang.org/x/net":                    {"session"},
	"github.com/huin/goupnp":              {"session/portmap"},
	"golang.org/x/sys":                    {"internal/fsys", "internal/screen", "peer"},
	"github.com/prometheus/client_golang": {"rpc"},
}

// source is one Go file of the tree.
type source struct {
	room string // its folder, slash-separated, from the root
	name string // path from the root
	test bool
	ast  *ast.File
}

// tree parses every Go file of the module.
func tree(t *testing.T, mode parser.Mode) []source {
	t.Helper()
	root := filepath.Join("..", "..")
	var all []source
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != root) {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, mode)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		rel = filepath.ToSlash(rel)
		all = append(all, source{path.Dir(rel), rel, strings.HasSuffix(rel, "_test.go"), f})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestArrows reads every import of the tree and fails on those that the table does not have.
func TestArrows(t *testing.T) {
	for _, src := range tree(t, parser.ImportsOnly) {
		allowed, known := arrows[src.room]
		if !known {
			t.Errorf("%s: the room %s is not in the table of arrows", src.name, src.room)
			continue
		}
		for _, spec := range src.ast.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			if to, ours := strings.CutPrefix(p, "shoal/"); ours {
				if !allowedArrow(src, to, allowed) {
					t.Errorf("%s imports %s: the design has no such arrow", src.name, to)
				}
			} else if first, _, _ := strings.Cut(p, "/"); strings.Contains(first, ".") && !allowedLibrary(src.room, p) {
				t.Errorf("%s imports %s: name the room in the table, and the reason in ARCHITECTURE.md", src.name, p)
			}
		}
	}
}

func allowedArrow(src source, to string, allowed []string) bool {
	if slices.Contains(testOnly, to) {
		return src.test || slices.Contains(testOnly, src.room) || slices.Contains(allowed, to)
	}
	if src.test && slices.Contains(testArrows[src.room], to) {
		return true
	}
	return to == src.room || slices.Contains(allowed, to) || slices.Contains(allowed, "*") || slices.Contains(shared, to)
}

func allowedLibrary(room, p string) bool {
	for module, rooms := range libraries {
		if (p == module || strings.HasPrefix(p, module+"/")) && slices.Contains(rooms, room) {
			return true
		}
	}
	return false
}

// TestSocketsOpenInOnePlace: only the session's own Net may touch package net's doors.
func TestSocketsOpenInOnePlace(t *testing.T) {
	forbidden := map[string][]string{
		"net": {"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer", "Listen", "ListenTCP", "ListenUDP",
			"ListenIP", "ListenUnix", "ListenUnixgram", "ListenPacket", "ListenMulticastUDP", "ListenConfig", "FileConn", "FileListener",
			"DefaultResolver", "LookupHost", "LookupIP", "LookupAddr", "ResolveTCPAddr", "ResolveUDPAddr"},
		"net/http": {"Get", "Post", "PostForm", "Head", "DefaultClient", "DefaultTransport", "ListenAndServe", "ListenAndServeTLS"},
		"tls":      {"Dial", "DialWithDialer", "Dialer", "Listen"},
	}
	for _, src := range tree(t, 0) {
		// The harness of bench speaks to other programs, not to the world for shoal.
		if src.test || src.name == "session/net.go" || slices.Contains(testOnly, src.room) || strings.HasPrefix(src.room, "bench") {
			continue
		}
		names := map[string]string{} // what a package is called in this file
		for _, spec := range src.ast.Imports {
			p, _ := strconv.Unquote(spec.Path.Value)
			local := path.Base(p)
			if spec.Name != nil {
				local = spec.Name.Name
			}
			names[local] = strings.TrimPrefix(p, "crypto/")
		}
		ast.Inspect(src.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Obj == nil && slices.Contains(forbidden[names[x.Name]], sel.Sel.Name) {
				t.Errorf("%s uses %s.%s: go through session.Net", src.name, x.Name, sel.Sel.Name)
			}
			return true
		})
	}
}

// TestPackageComments: every package says what it owns and which goroutines
// may call it.
func TestPackageComments(t *testing.T) {
	comments := map[string]string{}
	for _, src := range tree(t, parser.ParseComments|parser.PackageClauseOnly) {
		if !src.test {
			comments[src.room] += src.ast.Doc.Text()
		}
	}
	for room, comment := range comments {
		if len(comment) < 100 || !strings.Contains(comment, "goroutine") {
			t.Errorf("package %s: its comment must say what it owns, who may call it and from which goroutine; it says %q", room, comment)
		}
	}
}
