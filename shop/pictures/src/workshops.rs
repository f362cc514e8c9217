//! The workshops' tools, each with something in the making.

use std::fmt::Write as _;

use crate::glass::{circle_path, glass};
use crate::shadow;
use crate::spec::{Spec, hsl};

pub(crate) fn furnace(out: &mut String, spec: &Spec) {
    shadow(out, 356.0, 150.0);
    let _ = write!(
        out,
        "<radialGradient id=\"h\"><stop offset=\"0\" stop-color=\"#fffbe2\"/><stop offset=\".45\" stop-color=\"#ffc24a\"/><stop offset=\"1\" stop-color=\"#d6491c\"/></radialGradient>\
         <path d=\"M60 350V170Q60 60 170 60T280 170V350Z\" fill=\"{}\"/><path d=\"M60 350V170Q60 60 170 60T280 170V350Z\" fill=\"none\" stroke=\"{}\" stroke-width=\"3\"/>",
        hsl(18, 26, 46),
        hsl(18, 30, 30)
    );
    for row in 0..6 {
        let y = 132 + row * 38;
        let _ = write!(
            out,
            "<path d=\"M62 {y}H278\" stroke=\"{}\" stroke-opacity=\".4\" stroke-width=\"2\"/>",
            hsl(18, 30, 28)
        );
    }
    let _ = write!(
        out,
        "<circle cx=\"170\" cy=\"196\" r=\"62\" fill=\"{}\"/><circle cx=\"170\" cy=\"196\" r=\"52\" fill=\"url(#h)\"/><path d=\"M190 204L386 300\" stroke=\"#4b5b63\" stroke-width=\"8\" stroke-linecap=\"round\"/>",
        hsl(18, 25, 26)
    );
    let outline = "M296 206C330 190 366 214 362 252S312 300 288 272S268 220 296 206Z";
    let _ = write!(out, "<g transform=\"rotate(-8 316 244)\">");
    glass(out, spec, outline, (270.0, 196.0, 366.0, 292.0));
    out.push_str("<path d=\"M292 258C286 240 294 224 310 216\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".85\" stroke-width=\"7\" stroke-linecap=\"round\"/></g>");
}

pub(crate) fn torch(out: &mut String, spec: &Spec) {
    shadow(out, 356.0, 140.0);
    let steel = hsl(205, 14, 42);
    let _ = write!(
        out,
        "<linearGradient id=\"t\" x1=\"0\" x2=\"1\"><stop offset=\"0\" stop-color=\"#7fd0ff\"/><stop offset=\".45\" stop-color=\"#b9c8ff\" stop-opacity=\".75\"/><stop offset=\"1\" stop-color=\"#ff9a3c\" stop-opacity=\"0\"/></linearGradient>\
         <path d=\"M44 340H150L138 318H104V260H84V318H56Z\" fill=\"{steel}\"/><rect x=\"46\" y=\"214\" width=\"112\" height=\"46\" rx=\"10\" fill=\"{steel}\"/><rect x=\"150\" y=\"222\" width=\"26\" height=\"30\" rx=\"4\" fill=\"{}\"/>\
         <path d=\"M176 226C250 206 320 196 384 214C330 240 260 258 176 248Z\" fill=\"url(#t)\"/><path d=\"M176 231C216 226 246 226 262 234C244 244 214 246 176 243Z\" fill=\"#e9fbff\" opacity=\".9\"/>\
         <path d=\"M262 60L300 330\" stroke=\"#6d7b82\" stroke-width=\"5\" stroke-linecap=\"round\"/>",
        hsl(40, 45, 50)
    );
    glass(out, spec, &circle_path(284.0, 218.0, 44.0), (240.0, 174.0, 328.0, 262.0));
    out.push_str("<path d=\"M252 214A32 32 0 0 1 276 188\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".9\" stroke-width=\"7\" stroke-linecap=\"round\"/>");
}

pub(crate) fn kiln(out: &mut String, spec: &Spec) {
    shadow(out, 352.0, 150.0);
    let _ = write!(
        out,
        "<rect x=\"56\" y=\"92\" width=\"288\" height=\"252\" rx=\"18\" fill=\"{}\"/><rect x=\"84\" y=\"120\" width=\"232\" height=\"176\" rx=\"10\" fill=\"#3a2420\"/>\
         <radialGradient id=\"k\"><stop offset=\"0\" stop-color=\"#ff9d4d\" stop-opacity=\".95\"/><stop offset=\"1\" stop-color=\"#8e2c16\" stop-opacity=\".3\"/></radialGradient><rect x=\"84\" y=\"120\" width=\"232\" height=\"176\" rx=\"10\" fill=\"url(#k)\"/>",
        hsl(205, 12, 52)
    );
    for x in 0..9 {
        let _ = write!(
            out,
            "<path d=\"M{} 128v18\" stroke=\"#ffd27a\" stroke-width=\"4\" stroke-linecap=\"round\"/>",
            104 + x * 24
        );
    }
    let _ = write!(out, "<path d=\"M92 262H308\" stroke=\"#e6d8c4\" stroke-width=\"9\"/>");
    let outline = "M122 232Q200 214 278 232L262 252Q200 262 138 252Z";
    glass(out, spec, outline, (122.0, 218.0, 278.0, 260.0));
    let _ = write!(
        out,
        "<circle cx=\"92\" cy=\"322\" r=\"9\" fill=\"#2f3a40\"/><circle cx=\"122\" cy=\"322\" r=\"9\" fill=\"#2f3a40\"/><rect x=\"236\" y=\"310\" width=\"84\" height=\"24\" rx=\"5\" fill=\"#12262b\"/><text x=\"278\" y=\"327\" font-family=\"monospace\" font-size=\"15\" fill=\"#ff8a5c\" text-anchor=\"middle\">795 C</text>"
    );
}

/// An engraver's lathe: a copper disc on a spindle, and the glass that is held against it.
pub(crate) fn wheel(out: &mut String, spec: &Spec) {
    shadow(out, 352.0, 156.0);
    let (steel, dark) = (hsl(205, 14, 46), hsl(205, 16, 30));
    let _ = write!(
        out,
        "<rect x=\"40\" y=\"322\" width=\"320\" height=\"24\" rx=\"5\" fill=\"{}\"/><path d=\"M62 322L74 176H128L140 322Z\" fill=\"{steel}\"/><circle cx=\"101\" cy=\"170\" r=\"44\" fill=\"{dark}\"/><circle cx=\"101\" cy=\"170\" r=\"30\" fill=\"{steel}\"/><circle cx=\"101\" cy=\"170\" r=\"7\" fill=\"{dark}\"/>\
         <path d=\"M128 170H214\" stroke=\"{dark}\" stroke-width=\"12\"/><rect x=\"150\" y=\"156\" width=\"26\" height=\"28\" rx=\"4\" fill=\"{}\"/>\
         <path d=\"M101 128V88Q101 66 124 66H192Q213 66 213 92V104\" fill=\"none\" stroke=\"{}\" stroke-width=\"5\" stroke-linecap=\"round\"/><ellipse cx=\"214\" cy=\"170\" rx=\"9\" ry=\"52\" fill=\"{}\"/><ellipse cx=\"217\" cy=\"170\" rx=\"5\" ry=\"44\" fill=\"{}\"/>",
        hsl(28, 34, 40),
        hsl(40, 45, 52),
        hsl(40, 45, 52),
        hsl(22, 62, 42),
        hsl(26, 70, 64),
    );
    // A goblet lies against the disc, its foot towards the engraver.
    out.push_str("<g transform=\"translate(-40 -12) rotate(28 290 230)\">");
    glass(
        out,
        spec,
        "M252 138Q288 128 324 138C330 206 318 226 296 236V300Q322 304 326 314H250Q254 304 280 300V236C258 226 246 206 252 138Z",
        (246.0, 134.0, 330.0, 236.0),
    );
    // Its feather, so far.
    out.push_str("<path d=\"M276 216Q286 184 306 158M279 206l-8 -8M284 194l-9 -9M290 182l-9 -9M279 206l12 0M284 194l13 0M290 182l13 0\" fill=\"none\" stroke=\"#fff\" stroke-width=\"3.5\" stroke-linecap=\"round\"/>\
         <path d=\"M262 152C260 180 264 204 274 218\" fill=\"none\" stroke=\"#fff\" stroke-opacity=\".8\" stroke-width=\"6\" stroke-linecap=\"round\"/></g>");
}
