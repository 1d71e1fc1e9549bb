//! The quantile function of the normal distribution.

use crate::onnx::{Graph, Value};

/// The quantile of the standard normal distribution at `share`, with a relative
/// error of about 1e-16: algorithm AS 241 (Wichura, 1988, "The percentage points
/// of the normal distribution", Applied Statistics 37). Infinite at 0 and 1, NaN
/// beyond.
pub(crate) fn quantile(share: f64) -> f64 {
    if !(0.0..=1.0).contains(&share) {
        return f64::NAN;
    }
    let q = share - 0.5;
    if q.abs() <= 0.425 {
        let r = 0.180_625 - q * q;
        return q * ratio(r, &CENTRE);
    }
    let tail = if q < 0.0 { share } else { 1.0 - share };
    if tail == 0.0 {
        return f64::INFINITY.copysign(q);
    }
    let r = (-libm::log(tail)).sqrt();
    let value = if r <= 5.0 {
        ratio(r - 1.6, &MIDDLE)
    } else {
        ratio(r - 5.0, &FAR)
    };
    value.copysign(q)
}

/// [`quantile`] in ONNX, of shares above 0 and below 1.
pub(crate) fn onnx_quantile(graph: &mut Graph, share: Value) -> Value {
    let [half, zero, one] = [0.5, 0.0, 1.0].map(|number| graph.number(number));
    let q = graph.op("Sub", [share, half]);
    let is_below = graph.op("Less", [q, zero]);
    let square = graph.op("Mul", [q, q]);
    let r = graph.number(0.180_625);
    let r = graph.op("Sub", [r, square]);
    let centre = onnx_ratio(graph, r, &CENTRE);
    let centre = graph.op("Mul", [q, centre]);
    let rest = graph.op("Sub", [one, share]);
    let tail = graph.op("Where", [is_below, share, rest]);
    let log = graph.op("Log", [tail]);
    let log = graph.op("Neg", [log]);
    let r = graph.op("Sqrt", [log]);
    let [middle, far] = [(1.6, &MIDDLE), (5.0, &FAR)].map(|(less, coefficients)| {
        let less = graph.number(less);
        let r = graph.op("Sub", [r, less]);
        onnx_ratio(graph, r, coefficients)
    });
    let five = graph.number(5.0);
    let is_middle = graph.op("LessOrEqual", [r, five]);
    let value = graph.op("Where", [is_middle, middle, far]);
    let negative = graph.op("Neg", [value]);
    let value = graph.op("Where", [is_below, negative, value]);
    let (size, bound) = (graph.op("Abs", [q]), graph.number(0.425));
    let is_centre = graph.op("LessOrEqual", [size, bound]);
    graph.op("Where", [is_centre, centre, value])
}

/// [`ratio`] in ONNX.
fn onnx_ratio(graph: &mut Graph, r: Value, of: &Coefficients) -> Value {
    let [above, below] = of.map(|coefficients| {
        let first = graph.number(coefficients[0]);
        coefficients[1..].iter().fold(first, |sum, &coefficient| {
            let coefficient = graph.number(coefficient);
            let sum = graph.op("Mul", [sum, r]);
            graph.op("Add", [sum, coefficient])
        })
    });
    graph.op("Div", [above, below])
}

/// The coefficients of a numerator and a denominator of degree 7, from the highest.
type Coefficients = [[f64; 8]; 2];

const CENTRE: Coefficients = [
    [
        2_509.080_928_730_122_7,
        33_430.575_583_588_13,
        67_265.770_927_008_7,
        45_921.953_931_549_87,
        13_731.693_765_509_46,
        1_971.590_950_306_551_3,
        133.141_667_891_784_38,
        3.387_132_872_796_366_5,
    ],
    [
        5_226.495_278_852_854,
        28_729.085_735_721_943,
        39_307.895_800_092_71,
        21_213.794_301_586_597,
        5_394.196_021_424_751,
        687.187_007_492_057_9,
        42.313_330_701_600_91,
        1.0,
    ],
];

const MIDDLE: Coefficients = [
    [
        0.000_774_545_014_278_341_4,
        0.022_723_844_989_269_184,
        0.241_780_725_177_450_6,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    [
        1.050_750_071_644_416_9e-9,
        0.000_547_593_808_499_534_5,
        0.015_198_666_563_616_457,
        0.148_103_976_427_480_08,
        0.689_767_334_985_1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
];

const FAR: Coefficients = [
    [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        0.001_242_660_947_388_078_4,
        0.026_532_189_526_576_124,
        0.296_560_571_828_504_87,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    [
        2.044_263_103_389_939_7e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        0.000_786_869_131_145_613_3,
        0.014_875_361_290_850_615,
        0.136_929_880_922_735_8,
        0.599_832_206_555_888,
        1.0,
    ],
];

fn ratio(r: f64, [numerator, denominator]: &Coefficients) -> f64 {
    let value = |of: &[f64; 8]| of.iter().fold(0.0, |sum, c| sum * r + c);
    value(numerator) / value(denominator)
}
