// Command fastmotion reads Prometheus rules and writes the same rules for a world in which time
// passes faster: what they wait for, look back to and look at the distance of is divided by one
// factor. Thresholds stay as they are.
//
//	fastmotion 60 < rules.yaml > fast.yaml
package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "fastmotion: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, from io.Reader, to io.Writer) error {
	if len(args) != 1 {
		return errors.New("want one argument, by how much faster")
	}
	factor, err := strconv.Atoi(args[0])
	if err != nil || factor < 1 {
		return fmt.Errorf("%q is not allowed: want a whole number above 0", args[0])
	}
	text, err := io.ReadAll(from)
	if err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	promql := parser.NewParser(parser.Options{})
	rules, errs := rulefmt.Parse(text, false, model.UTF8Validation, promql, slog.New(slog.DiscardHandler))
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("read the rules: %w", err)
	}
	if err := (motion(factor)).rules(rules, promql); err != nil {
		return err
	}
	encoder := yaml.NewEncoder(to)
	if err := encoder.Encode(rules); err != nil {
		return fmt.Errorf("write the rules: %w", err)
	}
	return encoder.Close()
}

// motion is by how much faster time passes.
type motion time.Duration

func (m motion) rules(all *rulefmt.RuleGroups, promql parser.Parser) error {
	for g := range all.Groups {
		group := &all.Groups[g]
		m.waits(&group.Interval)
		for r := range group.Rules {
			rule := &group.Rules[r]
			m.waits(&rule.For)
			m.waits(&rule.KeepFiringFor)
			expr, err := promql.ParseExpr(rule.Expr)
			if err != nil {
				return fmt.Errorf("read the expression of %s%s: %w", rule.Record, rule.Alert, err)
			}
			parser.Inspect(expr, m.looks)
			rule.Expr = expr.String()
		}
	}
	return nil
}

func (m motion) waits(d *model.Duration) { *d /= model.Duration(m) }

// looks is called for each part of an expression.
func (m motion) looks(node parser.Node, _ []parser.Node) error {
	switch n := node.(type) {
	case *parser.VectorSelector:
		n.OriginalOffset /= time.Duration(m)
	case *parser.MatrixSelector: // its selector has the offset
		n.Range /= time.Duration(m)
	case *parser.SubqueryExpr:
		n.Range /= time.Duration(m)
		n.Step /= time.Duration(m)
		n.OriginalOffset /= time.Duration(m)
	}
	return nil
}
