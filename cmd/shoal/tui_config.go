package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"shoal/internal/config"
	"shoal/tui/app"
	"shoal/tui/draw"
	"shoal/tui/keys"
	"shoal/tui/theme"
)

// maxThemeFile is more than a theme may have: what is larger is refused by theme.Read.
const maxThemeFile = 32 << 10

// configure takes over what the configuration says about the screen, where no flag or variable said something else.
func (o *tuiOptions) configure(cmd *cobra.Command, opt *app.Options) (err error) {
	cfg := o.con.cfg
	if err := oneOf("--glyphs", o.glyphs, config.Find("tui.glyphs").Choices...); err != nil {
		return err
	}
	if !cmd.Flags().Changed("color") {
		o.con.color = cfg.TUI.Color
	}
	if opt.Style, err = o.style(o.theme); err != nil {
		return fmt.Errorf("--theme: %w", err)
	}
	if opt.Keys, err = keys.Bind(cfg.TUI.Keys); err != nil {
		return fmt.Errorf("tui.keys: %w", err)
	}
	for _, v := range cfg.TUI.Views {
		opt.Views = append(opt.Views, app.View(v))
		if err := app.View(v).Check(); err != nil {
			return fmt.Errorf("%s: tui.views.%s: %w", cfg.Origin("tui.views"), v.Name, err)
		}
	}
	// The key that changes the theme goes on from the one that is chosen.
	opt.Theme, opt.Themes = o.style, append([]string{o.theme}, slices.DeleteFunc(theme.Names(), func(name string) bool { return name == o.theme })...)
	opt.Mouse = !o.noMouse
	if fileManager(runtime.GOOS, os.Getenv) != "" {
		opt.OpenFolder = openFolder
	}
	return nil
}

// style is how the screen looks with a theme, which is a name or the path of a file.
func (o *tuiOptions) style(name string) (draw.Style, error) {
	profile, glyphs := theme.Choose(os.Getenv, o.con.color, o.con.ascii || o.glyphs == "ascii", true)
	switch {
	case o.con.ascii:
	case o.glyphs == "braille":
		glyphs = theme.Braille()
	case o.glyphs == "block":
		glyphs = theme.Block()
	}
	t, err := themeOf(name, profile)
	return draw.Style{Theme: t, Glyphs: glyphs}, err
}

// themeOf returns a theme by its name, or from a file.
func themeOf(name string, p theme.Profile) (*theme.Theme, error) {
	t, err := theme.New(name, p)
	if err == nil || !config.IsThemeFile(name) {
		return t, err
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("theme file: %w", err)
	}
	defer func() { _ = f.Close() }()
	if st, err := f.Stat(); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("theme file %s: not a regular file", name)
	}
	src, err := io.ReadAll(io.LimitReader(f, maxThemeFile))
	if err != nil {
		return nil, fmt.Errorf("theme file: %w", err)
	}
	if t, err = theme.Read(src, p); err != nil {
		return nil, fmt.Errorf("theme file %s: %w", name, err)
	}
	return t, nil
}

// screenProblems are what is wrong with the configuration of the screen beyond what package config can know: what other commands do not stop for.
func screenProblems(cfg *config.Config) (list config.Errors) {
	wrong := func(key string, err error) {
		list = append(list, config.Problem{Where: cfg.Origin(key), Line: cfg.Line(key), Key: key, Message: err.Error()})
	}
	if _, err := themeOf(cfg.TUI.Theme, theme.Plain); err != nil {
		wrong("tui.theme", fmt.Errorf("tui.theme: %w", err))
	}
	for _, v := range cfg.TUI.Views {
		if err := app.View(v).Check(); err != nil {
			wrong("tui.views", fmt.Errorf("tui.views.%s: %w", v.Name, err))
		}
	}
	return list
}
