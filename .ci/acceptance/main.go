// Command acceptance keeps the promise that every row of the acceptance list has a
// test, and that the test would notice if the row were broken.
//
//	go run ./.ci/acceptance                       which tests cover which row
//	go run ./.ci/acceptance -mutate 20 -seed 7    are the tests awake?
//
// The first form reads the sources of all tests and prints, row by row, the
// package and function of each test that covers it. A test covers a row when the
// row's id, like W04, stands in the name of the function, in the name of a subtest, in a
// table of the function, or in the name of a script below testdata that it plays. A row
// without a test is an error, unless it is listed in open.go; a row that is listed there
// and has a test by now is an error as well, so that the list can only shrink.
// So is an entry of guards.go whose line no longer stands in its file.
//
// The second form draws rows by a seed, takes the line that guards each of them out of a copy
// of its file, and runs the named test against the copy through `go test -overlay`. The test must fail by itself: a
// copy that does not compile proves nothing and is an error. The working tree is never written to. Before
// that the test must pass on the sources as they are. -mutate -1 runs all guards, -id W04 those of one row.
//
// The exit code is 1 when anything is wrong, 2 when the program could not do its work.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	n := flag.Int("mutate", 0, "draw so many rows and disable a guard of each; -1 takes every guard")
	seed := flag.Uint64("seed", 1, "decides which rows and guards are drawn")
	id := flag.String("id", "", "with -mutate: only the guards of this row")
	jobs := flag.Int("jobs", runtime.GOMAXPROCS(0), "guards that are tried at a time")
	limit := flag.Duration("limit", 2*time.Minute, "most time for one run of a test")
	flag.Parse()
	if err := os.Chdir(mustRoot()); err != nil {
		fail(err)
	}
	sound, err := checkGuards()
	if err != nil {
		fail(err)
	}
	var ok bool
	if *n != 0 || *id != "" {
		ok, err = mutate(draw(*n, *seed, *id), *jobs, *limit)
	} else {
		ok, err = printRows()
	}
	if err != nil {
		fail(err)
	}
	if !ok || !sound {
		os.Exit(1)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "acceptance:", err)
	os.Exit(2)
}

// mustRoot is the folder of go.mod, here or above.
func mustRoot() string {
	dir, err := os.Getwd()
	if err != nil {
		fail(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			fail(fmt.Errorf("no go.mod here or above: run it inside the module"))
		}
		dir = up
	}
}

// printRows prints every row with its tests and reports whether all is as it should be.
func printRows() (bool, error) {
	covers, err := findTests(".")
	if err != nil {
		return false, err
	}
	isOpen := map[string]bool{}
	for _, id := range open {
		isOpen[id] = true
	}
	known, ok := map[string]bool{}, true
	var bare, without []string
	for _, r := range rows {
		known[r.id] = true
		tests := covers[r.id]
		said := strings.Join(tests, ", ")
		switch {
		case len(tests) == 0 && isOpen[r.id] && r.issue == 'B':
			said = "open"
			without = append(without, r.id)
		case len(tests) == 0:
			said = "NO TEST for: " + r.says
			without = append(without, r.id)
			ok = false
		case isOpen[r.id]:
			said += "  BUT IT IS LISTED AS OPEN: take it out of open.go"
			ok = false
		}
		fmt.Printf("%c %s  %s\n", r.issue, r.id, said)
		if len(tests) > 0 && !guarded(r.id) {
			bare = append(bare, r.id)
		}
	}
	for _, id := range open {
		if !known[id] {
			fmt.Printf("open.go lists %s, which is no row\n", id)
			ok = false
		}
	}
	fmt.Printf("%d rows, %d without a test: %s\n", len(rows), len(without), strings.Join(without, " "))
	fmt.Printf("%d guards for %d rows; tested rows without a guard: %s\n", len(guards), len(guardedRows()), strings.Join(bare, " "))
	return ok, nil
}
