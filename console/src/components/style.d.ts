// What style sheets read out of a style attribute.
import "react";

declare module "react" {
  interface CSSProperties {
    "--gap"?: string;
    "--column"?: string;
    "--height"?: string;
  }
}
