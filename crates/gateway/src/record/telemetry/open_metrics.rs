//! The text of `/metrics` ([OpenMetrics 1.0]), as messages of OTLP.
//!
//! The registry can write itself as text only, and offers no other way to read its numbers. This reads what it writes,
//! and does not accept everything that OpenMetrics allows.
//!
//! [OpenMetrics 1.0]: https://github.com/prometheus/OpenMetrics/blob/main/specification/OpenMetrics.md

use std::collections::HashMap;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Gauge, Histogram, HistogramDataPoint, Metric, NumberDataPoint, Sum,
};

/// When each counter began to count. One whose number falls has begun again since the last export, for example since
/// a reload replaced what it counts.
#[derive(Debug)]
pub(super) struct Starts {
    /// When the program began.
    first: u64,
    /// The time of the last export.
    last: u64,
    /// For each series, its last number, and when it began.
    series: HashMap<String, (f64, u64)>,
}

impl Starts {
    pub(super) fn at(first: u64) -> Self {
        Self {
            first,
            last: first,
            series: HashMap::new(),
        }
    }

    fn of(&mut self, series: &str, number: f64) -> u64 {
        let known = self.series.get_mut(series);
        let Some((before, began)) = known else {
            self.series.insert(series.to_owned(), (number, self.first));
            return self.first;
        };
        if number < *before {
            *began = self.last;
        }
        *before = number;
        *began
    }
}

/// The metrics in a text, at the time `now`. Each keeps its name in the text.
pub(super) fn read(text: &str, starts: &mut Starts, now: u64) -> Vec<Metric> {
    let mut families: Vec<Family<'_>> = Vec::new();
    for line in text.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            let family = families.last_mut();
            if let Some((family, sample)) = family.zip(Sample::read(line)) {
                family.samples.push(sample);
            }
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        let (word, _, rest) = (words.next(), words.next(), words.next().unwrap_or_default());
        match (word, families.last_mut()) {
            (Some("HELP"), _) => families.push(Family::new(rest)),
            (Some("TYPE"), Some(family)) => family.kind = rest,
            (Some("UNIT"), Some(family)) => family.unit = rest,
            _ => {}
        }
    }
    let metrics = families.into_iter();
    let metrics = metrics
        .filter_map(|family| family.metric(starts, now))
        .collect();
    starts.last = now;
    metrics
}

/// A metric of the text.
struct Family<'t> {
    help: &'t str,
    kind: &'t str,
    unit: &'t str,
    samples: Vec<Sample<'t>>,
}

/// A line of a metric.
struct Sample<'t> {
    name: &'t str,
    /// The name and the labels, as they are in the text.
    series: &'t str,
    labels: Vec<(&'t str, String)>,
    value: &'t str,
}

impl<'t> Family<'t> {
    const fn new(help: &'t str) -> Self {
        Self {
            help,
            kind: "",
            unit: "",
            samples: Vec::new(),
        }
    }

    /// `None` if it has no series.
    fn metric(self, starts: &mut Starts, now: u64) -> Option<Metric> {
        let first = self.samples.first()?;
        let (name, data) = match self.kind {
            "counter" => {
                let points = self.samples.iter().map(|sample| {
                    let began = starts.of(sample.series, sample.number());
                    sample.point(began, now)
                });
                let sum = Sum {
                    data_points: points.collect(),
                    aggregation_temporality: AggregationTemporality::Cumulative.into(),
                    is_monotonic: true,
                };
                (first.name, Data::Sum(sum))
            }
            "histogram" => {
                let histogram = Histogram {
                    data_points: self.distributions(starts, now),
                    aggregation_temporality: AggregationTemporality::Cumulative.into(),
                };
                let (name, _) = first.name.rsplit_once('_')?;
                (name, Data::Histogram(histogram))
            }
            _ => {
                let points = self.samples.iter().map(|sample| sample.point(0, now));
                let data_points = points.collect();
                (first.name, Data::Gauge(Gauge { data_points }))
            }
        };
        let unit = match self.unit {
            "bytes" => "By",
            "seconds" => "s",
            other => other,
        };
        Some(Metric {
            name: name.to_owned(),
            description: self.help.trim_end_matches('.').to_owned(),
            unit: unit.to_owned(),
            data: Some(data),
            ..Metric::default()
        })
    }

    /// The series of a histogram, the lines of each of which are together.
    fn distributions(&self, starts: &mut Starts, now: u64) -> Vec<HistogramDataPoint> {
        let is_one = |one: &Sample<'_>, next: &Sample<'_>| one.own_labels().eq(next.own_labels());
        let series = self.samples.chunk_by(is_one);
        series
            .map(|lines| distribution(lines, starts, now))
            .collect()
    }
}

fn distribution(lines: &[Sample<'_>], starts: &mut Starts, now: u64) -> HistogramDataPoint {
    let mut point = HistogramDataPoint {
        time_unix_nano: now,
        ..HistogramDataPoint::default()
    };
    let mut below = 0;
    for line in lines {
        if line.name.ends_with("_sum") {
            point.sum = Some(line.number());
        } else if line.name.ends_with("_count") {
            point.count = line.count();
            point.start_time_unix_nano = starts.of(line.series, line.number());
            let labels = line.own_labels();
            point.attributes = labels.map(|(key, value)| attribute(key, value)).collect();
        } else {
            // A line counts what those before it count as well.
            point.bucket_counts.push(line.count().saturating_sub(below));
            below = line.count();
            point.explicit_bounds.extend(line.bound());
        }
    }
    point
}

impl<'t> Sample<'t> {
    /// A line such as `name{label="value"} 1`.
    fn read(line: &'t str) -> Option<Self> {
        let (name, rest) = line.split_at(line.find(['{', ' '])?);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => labels(rest)?,
            None => (Vec::new(), rest),
        };
        Some(Self {
            name,
            series: line.strip_suffix(rest)?,
            labels,
            value: rest.trim(),
        })
    }

    /// Without the bound of a bucket.
    fn own_labels(&self) -> impl Iterator<Item = &(&'t str, String)> {
        self.labels.iter().filter(|(name, _)| *name != BOUND)
    }

    /// The bound of a bucket; the last has none.
    fn bound(&self) -> Option<f64> {
        let (_, bound) = self.labels.iter().find(|(name, _)| *name == BOUND)?;
        bound.parse().ok().filter(|bound: &f64| bound.is_finite())
    }

    fn number(&self) -> f64 {
        self.value.parse().unwrap_or_default()
    }

    fn count(&self) -> u64 {
        self.value.parse().unwrap_or_default()
    }

    fn point(&self, began: u64, now: u64) -> NumberDataPoint {
        let attributes = self.labels.iter();
        let value = match self.value.parse() {
            Ok(whole) => number_data_point::Value::AsInt(whole),
            Err(_) => number_data_point::Value::AsDouble(self.number()),
        };
        NumberDataPoint {
            attributes: attributes
                .map(|(key, value)| attribute(key, value))
                .collect(),
            start_time_unix_nano: began,
            time_unix_nano: now,
            value: Some(value),
            ..NumberDataPoint::default()
        }
    }
}

/// An attribute whose value is text.
pub(super) fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.to_owned())),
        }),
        ..KeyValue::default()
    }
}

/// Labels, and what is after the brace that ends them.
fn labels(mut rest: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.push((name, value));
        rest = after.strip_prefix(',').unwrap_or(after);
    }
}

/// A value up to its closing quote, and what is after that.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return Some((value, chars.as_str())),
            '\\' => value.push(match chars.next()? {
                'n' => '\n',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

/// The label of a bucket's bound.
const BOUND: &str = "le";

#[cfg(test)]
mod tests {
    use super::{Data, Sample, Starts, read};

    #[test]
    fn labels_with_quotes_braces_and_line_breaks_are_read() {
        let sample = Sample::read(r#"a_total{route="x\"} \\ \n,y",door="p"} 7"#).unwrap();
        let labels: Vec<_> = sample
            .labels
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        assert_eq!(labels, [("route", "x\"} \\ \n,y"), ("door", "p")]);
        assert_eq!((sample.name, sample.value), ("a_total", "7"));
        assert!(Sample::read("a_total{route=\"x 7").is_none());
    }

    #[test]
    fn a_counter_that_falls_began_after_the_last_export() {
        let mut starts = Starts::at(10);
        let mut began = |count: u32, now: u64| {
            let text = format!("# HELP a Help.\n# TYPE a counter\na_total {count}\n# EOF\n");
            let metrics = read(&text, &mut starts, now);
            let Some(Data::Sum(sum)) = &metrics[0].data else {
                panic!("{metrics:?}");
            };
            sum.data_points[0].start_time_unix_nano
        };
        assert_eq!(began(5, 20), 10);
        assert_eq!(began(7, 30), 10);
        assert_eq!(began(2, 40), 30);
        assert_eq!(began(2, 50), 30);
        assert_eq!(began(0, 60), 50);
    }

    #[test]
    fn a_metric_without_series_is_not_there() {
        let text = "# HELP a Help.\n# TYPE a counter\n# HELP b Help.\n# TYPE b gauge\nb 1\n# EOF\n";
        let metrics = read(text, &mut Starts::at(0), 1);
        let names: Vec<_> = metrics.iter().map(|metric| &*metric.name).collect();
        assert_eq!(names, ["b"]);
    }
}
