package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Results is everything that one run has measured. It is kept as data beside the page, so
// that the page's text can change without a new run.
type Results struct {
	Machine Machine `json:"machine"`
	Rows    []Row   `json:"rows"`
	Growth  Growth  `json:"growth"`
}

const (
	pageName    = "performance.md"
	plotFolder  = "performance"
	resultsName = "results.json"
)

// write writes the page, its plots and the data into the folder of the docs.
func (r Results) write(docs string) error {
	plots := filepath.Join(docs, plotFolder)
	if err := r.Growth.draw(plots); err != nil {
		return err
	}
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	if err := os.WriteFile(filepath.Join(plots, resultsName), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the results: %w", err)
	}
	page, err := r.page()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(docs, pageName), page, 0o644); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// readResults reads what an earlier run has measured.
func readResults(docs string) (Results, error) {
	var r Results
	data, err := os.ReadFile(filepath.Join(docs, plotFolder, resultsName))
	if err != nil {
		return r, fmt.Errorf("read the results of an earlier run: %w", err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("read the results of an earlier run: %w", err)
	}
	return r, nil
}
