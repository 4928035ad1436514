package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// guard is a place in the sources that holds a row up, and the test that must fail without it.
type guard struct {
	id   string
	file string
	// line is what to take out; it stands once in file, however it is indented and aligned. Several
	// lines in a row are joined with "\n".
	line string
	// with is put in its place; "" disables the condition of an if or a case.
	with string
	test string // package and regular expression of the tests, as for go test -run
}

// pkg and run are the two halves of test.
func (g *guard) pkg() string { p, _, _ := strings.Cut(g.test, " "); return "./" + p }
func (g *guard) run() string { _, r, _ := strings.Cut(g.test, " "); return r }

func guarded(id string) bool {
	return slices.ContainsFunc(guards, func(g guard) bool { return g.id == id })
}

func guardedRows() []string {
	ids := map[string]bool{}
	for _, g := range guards {
		ids[g.id] = true
	}
	return slices.Sorted(maps.Keys(ids))
}

// checkGuards prints what is wrong with the table: rows that do not exist, lines that are gone or not alone.
func checkGuards() (ok bool, err error) {
	ok = true
	for i := range guards {
		g := &guards[i]
		src, err := os.ReadFile(filepath.FromSlash(g.file))
		if err != nil {
			return false, err
		}
		if _, err := g.apply(src); err != nil {
			fmt.Printf("guard of %s in %s: %v: %s\n", g.id, g.file, err, g.line)
			ok = false
		}
		if !slices.ContainsFunc(rows, func(r row) bool { return r.id == g.id }) {
			fmt.Printf("guard of %s in %s: no such row\n", g.id, g.file)
			ok = false
		}
	}
	return ok, nil
}

// apply returns the source with the guard disabled.
func (g *guard) apply(src []byte) ([]byte, error) {
	with := g.with
	if with == "" {
		if with = disabled(g.line); with == "" {
			return nil, errors.New("not an if or a case, so it needs a replacement")
		}
	}
	lines, want := strings.SplitAfter(string(src), "\n"), strings.Split(g.line, "\n")
	at := -1
	for i := range len(lines) - len(want) + 1 {
		same := true
		for k, w := range want {
			same = same && plain(lines[i+k]) == plain(w)
		}
		if same && at >= 0 {
			return nil, errors.New("the line stands there twice")
		}
		if same {
			at = i
		}
	}
	if at < 0 {
		return nil, errors.New("the line is not there any more")
	}
	// As many lines as before, so that messages keep their places.
	for k := range want {
		lines[at+k] = "\n"
	}
	lines[at] = with + "\n"
	return []byte(strings.Join(lines, "")), nil
}

// plain is a line without what gofmt decides.
func plain(line string) string { return strings.Join(strings.Fields(line), " ") }

// disabled turns the line of an if or of a case without a tag into one that never holds, with
// every name still used; "" when it is neither.
func disabled(line string) string {
	if cond, ok := strings.CutPrefix(line, "case "); ok && strings.HasSuffix(cond, ":") {
		return "case false && (" + strings.TrimSuffix(cond, ":") + "):"
	}
	head, ok := strings.CutSuffix(line, " {")
	i := strings.LastIndex(head, "if ")
	if !ok || i < 0 || i > 0 && head[:i] != "} else " {
		return ""
	}
	cond, first := head[i+3:], head[:i+3]
	if k := strings.LastIndex(cond, "; "); k >= 0 {
		first, cond = first+cond[:k+2], cond[k+2:]
	}
	return first + "false && (" + cond + ") {"
}

// draw chooses n rows and one guard of each; all guards when n is negative. id restricts it to one row.
func draw(n int, seed uint64, id string) []guard {
	if n < 0 || id != "" {
		return slices.DeleteFunc(slices.Clone(guards), func(g guard) bool { return id != "" && g.id != id })
	}
	rnd := rand.New(rand.NewPCG(seed, 0))
	ids := guardedRows()
	rnd.Shuffle(len(ids), func(i, k int) { ids[i], ids[k] = ids[k], ids[i] })
	var drawn []guard
	for _, id := range ids[:min(n, len(ids))] {
		of := draw(-1, 0, id)
		drawn = append(drawn, of[rnd.IntN(len(of))])
	}
	return drawn
}

// mutate tries the guards and reports whether every one was missed by its test.
func mutate(drawn []guard, jobs int, limit time.Duration) (bool, error) {
	if len(drawn) == 0 {
		return false, errors.New("no guard to try")
	}
	tmp, err := os.MkdirTemp("", "acceptance")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	begun := time.Now()
	verdicts := make([]string, len(drawn))
	baseline := newBaseline(limit)
	slots := make(chan struct{}, max(jobs, 1))
	var all sync.WaitGroup
	for i, g := range drawn {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			start := time.Now()
			verdicts[i] = try(&g, filepath.Join(tmp, fmt.Sprint(i)), baseline, limit)
			fmt.Printf("%s  %-8s %4.1fs  %s: %s  [%s]\n", g.id, verdicts[i], time.Since(start).Seconds(), g.file, strings.ReplaceAll(g.line, "\n", "; "), g.test)
		})
	}
	all.Wait()
	bad := 0
	for _, v := range verdicts {
		if v != caught {
			bad++
		}
	}
	fmt.Printf("%d guards disabled, %d caught, %d not, in %.0f s\n", len(drawn), len(drawn)-bad, bad, time.Since(begun).Seconds())
	return bad == 0, nil
}

const (
	caught   = "caught"
	survived = "SURVIVED"
	broken   = "ERROR"
)

// try runs the test of one guard without and with it disabled.
func try(g *guard, tmp string, base *baseline, limit time.Duration) string {
	if out, err := base.passes(g.pkg(), g.run()); err != nil {
		fmt.Printf("%s  the test does not pass on the sources as they are: %v\n%s\n", g.id, err, out)
		return broken
	}
	overlay, err := g.overlay(tmp)
	if err != nil {
		fmt.Printf("%s  %v\n", g.id, err)
		return broken
	}
	base.quiet.RLock()
	defer base.quiet.RUnlock()
	out, err := goTest(limit, "-overlay", overlay, "-count=1", "-failfast", "-run", g.run(), g.pkg())
	switch {
	case err == nil:
		return survived
	case failed.Match(out):
		return caught
	}
	fmt.Printf("%s  the copy without the guard could not be tested: %v\n%s\n", g.id, err, out)
	return broken
}

// failed matches the output of a test that ran and failed, died of a panic or never ended. A
// copy that does not compile says none of these.
var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: |^panic: |^fatal error: `)

// overlay writes the changed copy and the description that `go test -overlay` wants.
func (g *guard) overlay(tmp string) (string, error) {
	if err := os.MkdirAll(tmp, 0o777); err != nil {
		return "", err
	}
	file, err := filepath.Abs(filepath.FromSlash(g.file))
	if err != nil {
		return "", err
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if src, err = g.apply(src); err != nil {
		return "", err
	}
	copied, desc := filepath.Join(tmp, "copy.go"), filepath.Join(tmp, "overlay.json")
	b, err := json.Marshal(map[string]any{"Replace": map[string]string{file: copied}})
	if err != nil {
		return "", err
	}
	return desc, errors.Join(os.WriteFile(copied, src, 0o666), os.WriteFile(desc, b, 0o666))
}

// goTest runs `go test`; a test that does not end within limit counts as failed.
func goTest(limit time.Duration, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit+time.Minute) // compiling comes on top
	defer cancel()
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-vet=off", "-timeout", limit.String()}, args...)...)
	cmd.WaitDelay = 5 * time.Second
	return cmd.CombinedOutput()
}

// baseline runs tests on the sources as they are, each once.
type baseline struct {
	limit time.Duration
	quiet sync.RWMutex // held for writing by a run that wants the machine for itself
	mu    sync.Mutex
	done  map[string]func() ([]byte, error)
}

func newBaseline(limit time.Duration) *baseline {
	return &baseline{limit: limit, done: map[string]func() ([]byte, error){}}
}

func (b *baseline) passes(pkg, run string) ([]byte, error) {
	b.mu.Lock()
	f, ok := b.done[pkg+" "+run]
	if !ok {
		f = sync.OnceValues(func() ([]byte, error) {
			b.quiet.RLock()
			out, err := goTest(b.limit, "-v", "-run", run, pkg) // a result that the go tool remembers will do
			b.quiet.RUnlock()
			if err != nil { // some tests assert times: once more, with nothing beside it
				b.quiet.Lock()
				out, err = goTest(b.limit, "-v", "-run", run, pkg)
				b.quiet.Unlock()
			}
			if err == nil && !bytes.Contains(out, []byte("--- PASS: ")) {
				err = errors.New("no test of that name ran")
			}
			return out, err
		})
		b.done[pkg+" "+run] = f
	}
	b.mu.Unlock()
	return f()
}
