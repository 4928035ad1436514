package figures

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// Load reads a file of results; one that does not exist has none.
func Load(name string) ([]Batch, error) {
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Batch
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// Append adds a batch to a file of results, in which every line of a table is one line.
func Append(name string, batch Batch) error {
	all, err := Load(name)
	if err != nil {
		return err
	}
	b, err := encode(append(all, batch))
	if err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", b, 0o666); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// encode writes batches so that a difference between two versions is readable.
func encode(all []Batch) ([]byte, error) {
	var out bytes.Buffer
	out.WriteString("[")
	for i, batch := range all {
		rows := batch.Rows
		batch.Rows = nil
		head, err := json.Marshal(batch)
		if err != nil {
			return nil, err
		}
		comma(&out, i, "\n")
		out.Write(bytes.TrimSuffix(head, []byte(`"rows":null}`)))
		out.WriteString(`"rows":[`)
		for i, row := range rows {
			if err := encodeRow(&out, i, row); err != nil {
				return nil, err
			}
		}
		out.WriteString("]}")
	}
	out.WriteString("\n]\n")
	return out.Bytes(), nil
}

func encodeRow(out *bytes.Buffer, i int, row Row) error {
	lines := row.Lines
	row.Lines = nil
	head, err := json.Marshal(row)
	if err != nil {
		return err
	}
	comma(out, i, "\n ")
	out.Write(bytes.TrimSuffix(head, []byte(`"lines":null}`)))
	out.WriteString(`"lines":[`)
	for i, line := range lines {
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		comma(out, i, "\n  ")
		out.Write(b)
	}
	out.WriteString("]}")
	return nil
}

func comma(out *bytes.Buffer, i int, between string) {
	if i > 0 {
		out.WriteString(",")
	}
	out.WriteString(between)
}
