//! scikit-learn's `NearestCentroid` as a trainer: a class is the centre of its
//! training rows, and a row is of the class whose centre is nearest.

use fanout_sdk::{
    Abilities, Dense, DenseData, DenseTarget, DenseTrainer, Fault, Learning, Matrix, Param,
    ParamKind, Params, PredictionValues, TrainerDescription, onnx,
};
use serde::{Deserialize, Serialize};

/// The estimator. It has no fields: what is fitted is a [`Model`].
pub struct NearestCentroid;

/// What a fit learns.
#[derive(Serialize, Deserialize)]
pub struct Model {
    manhattan: bool,
    /// The class and the centre of each class that occurs in the training rows.
    centres: Vec<(u32, Vec<f64>)>,
}

impl DenseTrainer for NearestCentroid {
    type Model = Model;

    fn description() -> TrainerDescription {
        let metrics = ["euclidean", "manhattan"].map(str::to_owned).to_vec();
        let above_0 = ParamKind::Float {
            min: Some(0.0),
            max: None,
            above_min: true,
        };
        let mut description = TrainerDescription::new(
            "nearest_centroid",
            "The class whose centre is nearest.",
            vec![Learning::Binary, Learning::Multiclass],
            vec![
                Param::new(
                    "metric",
                    vec![ParamKind::Choice { of: metrics }],
                    "euclidean".into(),
                    "The distance; a centre is the mean, or for `manhattan` the median.",
                ),
                Param::new(
                    "shrink_threshold",
                    vec![ParamKind::Null, above_0],
                    serde_json::Value::Null,
                    "Centres are moved towards the mean of all rows by this many deviations.",
                ),
            ],
        );
        description.abilities = Abilities {
            probabilities: false,
            ..description.abilities
        };
        description
    }

    fn fit(data: &DenseData<'_>, params: &Params) -> Result<Model, Fault> {
        let DenseTarget::Classes { labels, codes } = &data.target else {
            return Err(data.wrong_target::<Self>());
        };
        let manhattan = params["metric"] == "manhattan";
        let counts: Vec<usize> = (0..labels.len() as u32)
            .map(|class| codes.iter().filter(|&&code| code == class).count())
            .collect();
        let mut columns: Vec<Column> = (0..data.matrix.columns())
            .map(|column| {
                Column::new(
                    &data.matrix.column(column, data.train),
                    codes,
                    &counts,
                    manhattan,
                )
            })
            .collect();
        if let Some(threshold) = params["shrink_threshold"].as_f64() {
            let typical = median(columns.iter().map(|column| column.deviation).collect());
            for column in &mut columns {
                column.shrink(threshold, typical, &counts, codes.len());
            }
        }
        let occurring = (0..labels.len()).filter(|&class| counts[class] > 0);
        let centre = |class| columns.iter().map(|column| column.centres[class]).collect();
        Ok(Model {
            manhattan,
            centres: occurring
                .map(|class| (class as u32, centre(class)))
                .collect(),
        })
    }

    fn predict(model: &Model, matrix: &Matrix, rows: &[u32]) -> Result<PredictionValues, Fault> {
        let mut nearest = vec![(f64::INFINITY, 0); rows.len()];
        for (class, centre) in &model.centres {
            let mut distances = vec![0.0; rows.len()];
            for (column, centre) in centre.iter().enumerate() {
                for (distance, value) in distances.iter_mut().zip(matrix.column(column, rows)) {
                    let apart = value - centre;
                    *distance += if model.manhattan {
                        apart.abs()
                    } else {
                        apart * apart
                    };
                }
            }
            for (nearest, distance) in nearest.iter_mut().zip(distances) {
                if distance < nearest.0 {
                    *nearest = (distance, *class);
                }
            }
        }
        Ok(PredictionValues::Classes(
            nearest.into_iter().map(|(_, class)| class).collect(),
        ))
    }

    fn onnx(
        model: &Model,
        graph: &mut onnx::Graph,
        columns: &onnx::Columns,
        labels: &[String],
    ) -> Result<onnx::Prediction, Fault> {
        let values = columns.numbers(graph)?;
        // Of shape (rows, centres, columns).
        let values = graph.reshape(values, vec![0, 1, -1]);
        let count = model.centres.len();
        let centres = model.centres.iter();
        let centres = centres.flat_map(|(_, centre)| centre.iter().copied());
        let shape = vec![1, count, columns.len()];
        let centres = graph.constant(onnx::Tensor::Double(shape, centres.collect()));
        let apart = graph.op("Sub", [values, centres]);
        let terms = match model.manhattan {
            true => graph.op("Abs", [apart]),
            false => graph.op("Mul", [apart, apart]),
        };
        let distances = graph.sum(terms, 2, false);
        let farness = graph.op("Neg", [distances]);
        let nearest = graph.first_greatest(farness);
        let classes = model.centres.iter().map(|(class, _)| i64::from(*class));
        let classes = graph.constant(onnx::Tensor::Int64(vec![count], classes.collect()));
        Ok(onnx::Prediction::Classes {
            labels: labels.to_vec(),
            classes: graph.at(classes, nearest),
            decisions: None,
            probabilities: None,
        })
    }
}

/// One column of the training rows.
struct Column {
    mean: f64,
    /// By class; 0 for one that does not occur.
    centres: Vec<f64>,
    /// The standard deviation of the values from the centres of their classes.
    deviation: f64,
}

impl Column {
    fn new(values: &[f64], codes: &[u32], counts: &[usize], manhattan: bool) -> Self {
        let of_class = |class: usize| -> Vec<f64> {
            let rows = values
                .iter()
                .zip(codes)
                .filter(|(_, code)| **code as usize == class);
            rows.map(|(value, _)| *value).collect()
        };
        let centre = |class: usize| match counts[class] {
            0 => 0.0,
            _ if manhattan => median(of_class(class)),
            count => of_class(class).iter().sum::<f64>() / count as f64,
        };
        let centres: Vec<f64> = (0..counts.len()).map(centre).collect();
        let apart = values
            .iter()
            .zip(codes)
            .map(|(value, &code)| value - centres[code as usize]);
        let squares: f64 = apart.map(|apart| apart * apart).sum();
        let classes = counts.iter().filter(|&&count| count > 0).count();
        Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            centres,
            deviation: (squares / (values.len() - classes) as f64).sqrt(),
        }
    }

    /// Equation 18.5 of Hastie, Tibshirani and Friedman, "The Elements of Statistical
    /// Learning", second edition.
    fn shrink(&mut self, threshold: f64, typical: f64, counts: &[usize], rows: usize) {
        for (centre, &count) in self.centres.iter_mut().zip(counts) {
            let scale =
                (1.0 / count as f64 - 1.0 / rows as f64).sqrt() * (self.deviation + typical);
            let deviations = (*centre - self.mean) / scale;
            let left = (deviations.abs() - threshold).max(0.0) * deviations.signum();
            // Nothing to divide by: all values of the column are the same.
            if scale > 0.0 {
                *centre = self.mean + scale * left;
            }
        }
    }
}

/// The middle of the sorted values, or the mean of the two in the middle.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() % 2 {
        1 => values[half],
        _ => (values[half - 1] + values[half]) / 2.0,
    }
}

fanout_sdk::export! {
    guest: concat!("nearest-centroid ", env!("CARGO_PKG_VERSION")),
    trainers: [Dense<NearestCentroid>],
}
