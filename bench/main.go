//go:build linux

// Bench is the project's own harness: it races shoal against other clients on the same work, in one run, on this
// machine, and keeps what it measured.
//
//	go run ./bench ROW... [flags]    measure; "all" is every row
//	go run ./bench table             put the figures of -json into -readme
//	go run ./bench plot              draw them next to it
//
// It owns the processes that it starts, a network namespace in which nothing leaves the machine, and a work folder,
// which it removes. It is a program and nobody imports it; rows run one after the other on its main goroutine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"shoal/bench/figures"
	"shoal/bench/partner"
	"shoal/bench/report"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	names, flags := split(args)
	switch {
	case len(names) == 0:
		return errors.New("name rows: all, " + strings.Join(rowNames(), ", ") + "; or table, or plot")
	case names[0] == "partner" && len(names) == 2: // the harness itself starts it so
		return partner.Run(ctx, names[1], os.Stdout)
	}
	var o options
	if err := o.parse(flags); err != nil {
		return err
	}
	switch names[0] {
	case "table":
		return table(o)
	case "plot":
		return plot(o)
	case "all":
		names = rowNames()
	}
	for _, name := range names {
		if find(name) == nil {
			return fmt.Errorf("no row %q", name)
		}
	}
	if os.Getenv(insideEnv) == "" {
		return outside(ctx, o, args)
	}
	return measure(ctx, names, flags, o)
}

// split takes the words before the first flag for names.
func split(args []string) (names, flags []string) {
	for i, a := range args {
		if strings.HasPrefix(a, "-") {
			return args[:i], args[i:]
		}
	}
	return args, nil
}

// measure runs rows, inside of the namespaces, and keeps what each came to as soon as it is there.
func measure(ctx context.Context, names, flags []string, o options) error {
	w, err := newWorld(ctx, os.Getenv(insideEnv), o)
	if err != nil {
		return err
	}
	defer w.close()
	var failed []error
	for _, name := range names {
		r := find(name)
		o, err := r.options(flags)
		if err != nil {
			return err
		}
		began := time.Now()
		row, err := r.run(ctx, w, o)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err == nil && row.Runs() == 0 {
			err = errors.New("nothing was measured") // and what is known from before stays
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", name, err))
			continue
		}
		row.Name, row.Date, row.Machine, row.Programs = name, today(), machine(), w.versions(&row)
		fmt.Print(report.Section(&row), "\n")
		fmt.Fprintf(w.out, "# %s took %.0f s\n", name, time.Since(began).Seconds())
		failed = append(failed, unfinished(&row))
		if o.json != "" {
			failed = append(failed, figures.Put(o.json, row, rowNames()))
		}
	}
	return errors.Join(failed...)
}

// unfinished tells of lines that lack runs.
func unfinished(row *figures.Row) error {
	var all []error
	for _, l := range row.Lines {
		if l.Note != "" {
			all = append(all, fmt.Errorf("%s: %s", strings.Join(strings.Fields(row.Name+" "+l.Case+" "+l.Client), " "), l.Note))
		}
	}
	return errors.Join(all...)
}

// table puts the tables between the marks of the README.
func table(o options) error {
	rows, err := figures.Load(o.results())
	if err != nil {
		return err
	}
	old, err := os.ReadFile(o.readme())
	if err != nil {
		return err
	}
	text, err := report.Insert(string(old), report.Tables(rows))
	if err != nil {
		return fmt.Errorf("%s: %w", o.readme(), err)
	}
	return os.WriteFile(o.readme(), []byte(text), 0o666)
}

// plot draws next to the README.
func plot(o options) error {
	rows, err := figures.Load(o.results())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(filepath.Dir(o.readme()), "plot.svg"), report.Plot(rows), 0o666)
}
