module github.com/rusmes/otelmail/integration

go 1.26.0

replace github.com/rusmes/otelmail => ../
