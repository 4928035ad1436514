package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	// idInFunc finds TestW04Idle and TestM18T01Clean, and not the A1 of TestSHA1.
	idInFunc = regexp.MustCompile(`[A-Z][0-9]{2}`)
	// idInName finds "W04 length 2^32-1" and "W05 W06: bitfields": ids at the beginning.
	idInName = regexp.MustCompile(`^[A-Z][0-9]{2}(?:[ ,:]|$)`)
	// idInScript finds the ids of w05_w06_bad_messages.txt.
	idInScript = regexp.MustCompile(`^[a-z][0-9]{2}(?:_|$)`)
)

// findTests reads all test files below root, folders that the go tool passes over left out,
// and returns for each row id "package function", sorted and once each.
func findTests(root string) (map[string][]string, error) {
	covers := map[string][]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch base := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && name != root && (base[0] == '.' || base[0] == '_' || base == "testdata" || base == "vendor"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(base, "_test.go"):
			return nil
		}
		return readTests(name, func(id, fn string) {
			dir, _ := filepath.Rel(root, filepath.Dir(name))
			covers[id] = append(covers[id], filepath.ToSlash(dir)+" "+fn)
		})
	})
	for id := range covers {
		slices.Sort(covers[id])
		covers[id] = slices.Compact(covers[id])
	}
	return covers, err
}

// readTests calls found for every row that a test function of one file covers.
func readTests(name string, found func(id, fn string)) error {
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	for _, d := range file.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok || fn.Recv != nil || fn.Body == nil || !strings.HasPrefix(fn.Name.Name, "Test") {
			continue
		}
		for _, id := range idInFunc.FindAllString(strings.TrimPrefix(fn.Name.Name, "Test"), -1) {
			found(id, fn.Name.Name)
		}
		ast.Inspect(fn.Body, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				for _, s := range stringsIn(n) {
					nameIDs(s, fn.Name.Name, found)
				}
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Run" && len(n.Args) == 2 {
					for _, s := range stringsIn(n.Args[0]) {
						nameIDs(s, fn.Name.Name, found)
					}
				}
			case *ast.BasicLit:
				if s, ok := literal(n); ok && strings.Contains(s, "testdata") {
					scriptIDs(filepath.Dir(name), s, fn.Name.Name, found)
				}
			}
			return true
		})
	}
	return nil
}

func nameIDs(s, fn string, found func(id, fn string)) {
	for {
		m := idInName.FindString(s)
		if m == "" {
			return
		}
		found(m[:3], fn)
		s = strings.TrimLeft(s[len(m):], " ")
	}
}

// scriptIDs looks at the names of the scripts that a test plays: pattern is a glob or a folder.
func scriptIDs(dir, pattern, fn string, found func(id, fn string)) {
	pattern = filepath.Join(dir, filepath.FromSlash(pattern))
	if !strings.HasSuffix(pattern, ".txt") {
		pattern = filepath.Join(pattern, "*.txt")
	}
	files, _ := filepath.Glob(pattern) // a bad pattern is no pattern of scripts
	for _, f := range files {
		rest := strings.TrimSuffix(path.Base(filepath.ToSlash(f)), ".txt")
		for m := idInScript.FindString(rest); m != ""; m = idInScript.FindString(rest) {
			found(strings.ToUpper(m[:3]), fn+"/"+path.Base(filepath.ToSlash(f)))
			rest = rest[len(m):]
		}
	}
}

// stringsIn returns the string literals of an expression that stand for themselves: those that
// are arguments of calls in a table are data, except in the name of a subtest, where n is the call itself.
func stringsIn(n ast.Expr) (all []string) {
	ast.Inspect(n, func(x ast.Node) bool {
		switch x := x.(type) {
		case *ast.CallExpr:
			return x == n
		case *ast.FuncLit:
			return false
		case *ast.BasicLit:
			if s, ok := literal(x); ok {
				all = append(all, s)
			}
		}
		return true
	})
	return all
}

func literal(n *ast.BasicLit) (string, bool) {
	if n.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(n.Value)
	return s, err == nil
}
